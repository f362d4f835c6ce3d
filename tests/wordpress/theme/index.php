<!DOCTYPE html>
<html <?php language_attributes(); ?>>
<head><meta charset="<?php bloginfo( 'charset' ); ?>"><?php wp_head(); ?></head>
<body <?php body_class(); ?>>
<div id="site-title"><a href="<?php echo esc_url( home_url( '/' ) ); ?>" rel="home"><?php bloginfo( 'name' ); ?></a></div>
<div id="content">
<?php while ( have_posts() ) : the_post(); ?>
<div id="post-<?php the_ID(); ?>" <?php post_class(); ?>>
<?php if ( is_singular() ) : ?><h1 class="entry-title"><?php the_title(); ?></h1>
<?php else : ?><h2 class="entry-title"><a href="<?php the_permalink(); ?>" rel="bookmark"><?php the_title(); ?></a></h2><?php endif; ?>
<div class="entry-meta">Posted on <time class="entry-date" datetime="<?php echo esc_attr( get_the_date( 'c' ) ); ?>"><?php echo get_the_date(); ?></time>
by <span class="author vcard"><a class="url fn n" href="<?php echo esc_url( get_author_posts_url( get_the_author_meta( 'ID' ) ) ); ?>"><?php the_author(); ?></a></span></div>
<div class="entry-content"><?php is_singular() ? the_content() : the_excerpt(); ?></div>
<div class="entry-utility">This entry was posted in <?php the_category( ', ' ); the_tags( ' and tagged ', ', ', '' ); ?>. Bookmark the <a href="<?php the_permalink(); ?>" rel="bookmark">permalink</a>.</div>
</div>
<?php if ( is_single() ) comments_template(); endwhile; ?>
<div class="navigation"><?php is_single() ? the_post_navigation() : posts_nav_link(); ?></div>
</div>
<?php wp_footer(); ?>
</body>
</html>
