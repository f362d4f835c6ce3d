<div id="secondary" class="widget-area" role="complementary">
<aside class="widget widget_search"><?php get_search_form(); ?></aside>
<aside class="widget widget_recent_entries"><h3 class="widget-title">Recent Posts</h3><ul><?php foreach ( wp_get_recent_posts( array( 'numberposts' => 5, 'post_status' => 'publish' ) ) as $recent ) : ?><li><a href="<?php echo esc_url( get_permalink( $recent['ID'] ) ); ?>"><?php echo esc_html( $recent['post_title'] ); ?></a></li><?php endforeach; ?></ul></aside>
<aside class="widget widget_recent_comments"><h3 class="widget-title">Recent Comments</h3><ul><?php foreach ( get_comments( array( 'number' => 5, 'status' => 'approve' ) ) as $comment ) : ?><li class="recentcomments"><?php echo esc_html( $comment->comment_author ); ?> on <a href="<?php echo esc_url( get_comment_link( $comment ) ); ?>"><?php echo esc_html( get_the_title( $comment->comment_post_ID ) ); ?></a></li><?php endforeach; ?></ul></aside>
<aside class="widget widget_archive"><h3 class="widget-title">Archives</h3><ul><?php wp_get_archives( array( 'type' => 'monthly' ) ); ?></ul></aside>
<aside class="widget widget_categories"><h3 class="widget-title">Categories</h3><ul><?php wp_list_categories( array( 'title_li' => '' ) ); ?></ul></aside>
<aside class="widget widget_tag_cloud"><h3 class="widget-title">Tags</h3><div class="tagcloud"><?php wp_tag_cloud(); ?></div></aside>
</div>
