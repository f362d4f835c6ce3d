<?php
/* Plugin Name: positions - prints a post's position as metas, as a microformat and in the feed. */
function position_of( $post ) {
	$place = json_decode( get_post_meta( $post, 'place', true ) ?: 'null' );
	return $place && is_singular( 'post' ) || is_feed() ? $place : null;
}
add_action( 'wp_head', function () {
	if ( ! $p = position_of( get_queried_object_id() ) ) return;
	printf( '<meta name="geo.position" content="%s;%s">', $p->latitude, $p->longitude );
	printf( '<meta name="ICBM" content="%s, %s">', $p->latitude, $p->longitude );
	printf( '<meta name="geo.placename" content="%s">', esc_attr( $p->name ) );
} );
add_action( 'wp_footer', function () {
	if ( ! $p = position_of( get_queried_object_id() ) ) return;
	printf( '<div class="geo" style="display:none"><span class="latitude">%s</span>, <span class="longitude">%s</span></div>',
		$p->latitude, $p->longitude );
	echo '<div>This page contains geo-tags</div>';
} );
add_action( 'rss2_ns', function () { echo 'xmlns:georss="http://www.georss.org/georss"'; } );
add_action( 'rss2_item', function () {
	if ( $p = position_of( get_the_ID() ) ) printf( '<georss:point>%s %s</georss:point>', $p->latitude, $p->longitude );
} );
