<?php get_header(); ?>
<div id="primary" class="site-content"><div id="content" role="main">
<?php if ( is_archive() ) : ?><header class="archive-header"><h1 class="archive-title"><?php the_archive_title(); ?></h1></header><?php endif; ?>
<?php while ( have_posts() ) : the_post(); ?>
<article id="post-<?php the_ID(); ?>" <?php post_class(); ?>>
<header class="entry-header">
<?php if ( is_singular() ) : ?><h1 class="entry-title"><?php the_title(); ?></h1>
<?php else : ?><h1 class="entry-title"><a href="<?php the_permalink(); ?>" rel="bookmark"><?php the_title(); ?></a></h1><?php endif; ?>
<?php if ( comments_open() ) : ?><div class="comments-link"><?php comments_popup_link( 'Leave a reply', '1 Reply', '% Replies' ); ?></div><?php endif; ?>
</header>
<div class="entry-content"><?php the_content( 'Continue reading &rarr;' ); ?></div>
<?php if ( get_post_type() === 'post' ) : ?>
<footer class="entry-meta">This entry was posted in <?php the_category( ', ' ); ?><?php the_tags( ' and tagged ', ', ', '' ); ?> on <a href="<?php the_permalink(); ?>" title="<?php the_time(); ?>" rel="bookmark"><time class="entry-date" datetime="<?php echo esc_attr( get_the_date( 'c' ) ); ?>"><?php echo get_the_date(); ?></time></a><span class="by-author"> by <span class="author vcard"><a class="url fn n" href="<?php echo esc_url( get_author_posts_url( get_the_author_meta( 'ID' ) ) ); ?>" rel="author"><?php the_author(); ?></a></span></span>.</footer>
<?php endif; ?>
</article>
<?php if ( is_single() ) : ?>
<nav class="nav-single"><h3 class="assistive-text">Post navigation</h3><span class="nav-previous"><?php previous_post_link( '%link', '&larr; %title' ); ?></span><span class="nav-next"><?php next_post_link( '%link', '%title &rarr;' ); ?></span></nav>
<?php comments_template(); endif; endwhile; ?>
<nav class="navigation"><div class="nav-previous"><?php next_posts_link( '&larr; Older posts' ); ?></div><div class="nav-next"><?php previous_posts_link( 'Newer posts &rarr;' ); ?></div></nav>
</div></div>
<?php get_sidebar(); get_footer(); ?>
