"""WordPress: classic themes (hentry markup), block themes (wp-block-post-*), and widespread premium themes."""

from __future__ import annotations

from archiver.items import PageKind
from archiver.platforms.table import Platform

PLATFORM = Platform(
    name="wordpress",
    generator=r"^wordpress\b|^wordpress\.com",
    marks=(
        "body.wp-singular", "body.single-post", "body.single-format-standard", "body.wp-embed-responsive",
        "link[rel='https://api.w.org/']", ".wp-site-blocks", "#wpadminbar", ".wp-block-post-content",
        "link[href*='/wp-content/']", "script[src*='/wp-content/']", "script[src*='/wp-includes/']",
    ),
    title=(
        "h1.entry-title", "h1.wp-block-post-title", "h1.post-title", "h1.single-title", "h1.single-post-title",
        "h1.tdb-title-text", "h1.jeg_post_title", "h1.post__title", "h1.article-title", "h1.elementor-heading-title",
        "h1[itemprop~=headline]", "h2.wp-block-post-title", "h2.entry-title", "h3.entry-title", ".entry-title",
        "h2.post-title", "h1.page-title", ".post h2.title", ".storytitle",
    ),
    body=(
        ".wp-block-post-content", ".entry-content", ".tdb_single_content", ".td-post-content",
        "[itemprop~=articleBody]", ".elementor-widget-theme-post-content", ".et_pb_post_content", ".post-content",
        ".entry-content-wrap", ".jeg_main_content .content-inner", ".post-entry", ".single-content",
        ".article-content", ".the-content", ".post__content", ".post-body", ".storycontent", ".post .entry",
        ".post-single-content", ".entry",
    ),
    authors=(
        ".wp-block-post-author-name", ".wp-block-post-author__name", ".author.vcard .fn", "[itemprop~=author] .fn",
        "[itemprop~=author] [itemprop~=name]", ".td-post-author-name a", ".jeg_meta_author a", ".entry-author-name",
        ".entry-author a", ".byline .fn", ".vcard .fn", ".author.vcard", ".post-author-name", ".byline a",
        ".post-author a", ".post-meta-author a", ".meta-author a", ".author-name", ".author a[rel~=author]",
        "a[rel~=author]", ".entry-author", ".post-author", ".posted-by a", ".posted_by a", ".meta-author",
        ".post-by a", ".by-author a", ".byline",
    ),
    published=(
        "time.entry-date.published", "time.published", "time.entry-date", ".wp-block-post-date time",
        "time[itemprop~=datePublished]", "meta[itemprop~=datePublished]", ".entry-date time", ".posted-on time",
        "time.post-date", "abbr.published", ".td-post-date time", ".entry-meta time", ".post-meta time",
        ".post-date time", ".jeg_meta_date", "time.entry-time", ".entry-date", ".posted-on", ".post-date",
        ".entry-time", ".published", ".meta-date", ".post-meta .date", ".wp-block-post-date",
    ),
    modified=(
        "time.updated", ".wp-block-post-date__modified-date time", "time[itemprop~=dateModified]",
        "meta[itemprop~=dateModified]", ".last-modified", ".updated-date",
    ),
    categories=(
        ".taxonomy-category.wp-block-post-terms a", "a[rel~=category]", ".cat-links a", ".entry-categories a",
        ".post-categories a", ".category-links a", ".entry-category a", ".post-category a", ".td-post-category",
        ".jeg_meta_category a", ".tdb-entry-category", ".meta-category a", ".categories-links a", ".post-cats a",
    ),
    tags=(
        ".taxonomy-post_tag.wp-block-post-terms a", ".tags-links a", ".tag-links a", ".entry-tags a", ".post-tags a",
        ".td-post-source-tags a", ".jeg_post_tags a", ".tdb-tags a", ".post-tag a", ".single-tags a",
        ".tags a[rel~=tag]",
    ),
    post=("article.hentry", "article.type-post", ".hentry", "article.post", "div.post"),
    drop=(
        ".sharedaddy", ".jp-relatedposts", "#jp-relatedposts", ".addtoany_share_save_container", ".sd-sharing",
        ".addtoany_content", ".entry-meta", ".entry-footer", ".post-navigation", ".wp-block-post-navigation-link",
        ".wp-block-query", ".wp-block-comments", ".wp-block-post-author", ".wp-block-post-terms",
        ".wp-block-post-date", ".wp-block-jetpack-subscriptions", ".wp-block-jetpack-related-posts", ".wpcnt",
        ".wp-block-latest-posts", ".yarpp", ".yarpp-related", ".crp_related", ".wp_rp_wrap", ".rp4wp-related-posts",
        ".lwptoc", "#toc_container", ".ez-toc-container", "#ez-toc-container", ".wp-block-table-of-contents",
        ".rank-math-toc", ".wp-block-rank-math-toc-block", ".wp-block-yoast-seo-table-of-contents",
        ".saboxplugin-wrap", ".abh_box", ".m-a-box", ".pp-multiple-authors-boxes-wrapper",
        ".heateor_sss_sharing_container", ".essb_links", ".swp_social_panel", ".shared-counts-wrap", ".post-views",
        ".tptn_counter", ".kk-star-ratings", ".wp-polls", ".mc4wp-form", ".wpcf7", ".wp-block-search",
        ".wp-block-tag-cloud", ".code-block", ".adsbygoogle", ".td-a-rec", ".post-password-form", ".page-links",
        ".page-link", ".wp-block-post-content-page-links", ".post-nav-links", ".wp-block-social-links",
        ".simplesocialbuttons", ".ssba", ".dpsp-share", ".jetpack-likes-widget-wrapper", ".entry-shares",
        ".robots-nocontent", ".geo-line", "#geotags", ".geotags",
    ),
    kinds=(
        (r"error404", PageKind.OTHER, "not-found"),
        (r"search(-results|-no-results)?", PageKind.LISTING, "search"),
        (r"attachment|single-attachment|attachmentid-\d+", PageKind.OTHER, "attachment"),
        (r"post-type-archive.*|archive|category|tag|author|date|tax-.+|term-.+|blog|paged",
         PageKind.LISTING, "listing"),
        (r"single-post|postid-\d+-post", PageKind.POST, "single-post"),
        (r"page|page-id-\d+|page-template(-.+)?|privacy-policy", PageKind.PAGE, "page"),
        (r"home", PageKind.LISTING, "home"),
    ),
    feeds=("feed/", "?feed=rss2", "feed/atom/"),
    sitemaps=("wp-sitemap.xml", "sitemap_index.xml", "sitemap.xml"),
    api="wp-json/wp/v2/",
)
