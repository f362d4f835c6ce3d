<?php
// php control.php WWW < {"do": COMMAND, ...}: carries one command out and prints its answer as one line of JSON.
$in = json_decode( stream_get_contents( STDIN ), true );
$_SERVER += array( 'HTTP_HOST' => '127.0.0.1', 'REQUEST_METHOD' => 'GET', 'SERVER_PROTOCOL' => 'HTTP/1.1' );
if ( $in['do'] === 'install' ) define( 'WP_INSTALLING', true );
require $argv[1] . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

function row( $id ) {
	$p = get_post( $id );
	return array( 'id' => $p->ID, 'url' => get_permalink( $p ), 'title' => $p->post_title, 'status' => $p->post_status,
		'public' => $p->post_status === 'publish' && $p->post_password === '' );
}
function author( $name ) {
	$login = sanitize_user( sanitize_title( $name ), true ); // which takes all letters of some scripts away
	if ( trim( $login, '-' ) === '' ) $login = 'author-' . substr( md5( $name ), 0, 8 );
	$user = get_user_by( 'login', $login );
	return $user ? $user->ID : wp_insert_user( array( 'user_login' => $login, 'user_pass' => 'x', 'role' => 'author',
		'display_name' => $name, 'user_nicename' => $login ) );
}
function add( $p ) {
	$categories = array_map( fn( $name ) => wp_create_category( $name ), $p['categories'] ?? array() );
	$id = wp_insert_post( wp_slash( array( 'post_title' => $p['title'], 'post_content' => $p['content'],
		'post_excerpt' => $p['excerpt'] ?? '', 'post_author' => author( $p['author'] ?? 'Tom Ashdown' ),
		'post_date' => $p['date'], 'post_status' => $p['status'] ?? 'publish', 'post_name' => $p['slug'] ?? '',
		'post_password' => $p['password'] ?? '', 'post_category' => $categories, 'tags_input' => $p['tags'] ?? array(),
		'post_type' => $p['type'] ?? 'post', 'post_parent' => $p['parent'] ?? 0 ) ), true );
	if ( is_wp_error( $id ) ) throw new Exception( $id->get_error_message() );
	if ( ! empty( $p['place'] ) ) update_post_meta( $id, 'place', wp_slash( wp_json_encode( $p['place'] ) ) );
	foreach ( $p['comments'] ?? array() as $comment )
		wp_insert_comment( array( 'comment_post_ID' => $id, 'comment_author' => $comment['author'],
			'comment_content' => $comment['text'], 'comment_approved' => 1 ) );
	return row( $id );
}
$commands = array(
	'install' => function ( $in ) {
		wp_install( $in['title'] ?? 'The Harbour Notebook', 'keeper', 'keeper@example.org', true, '', 'x' );
		update_option( 'timezone_string', $in['zone'] );
		update_option( 'blogdescription', $in['description'] ?? 'Notes from a small port' );
		wp_delete_post( 1, true );
		$GLOBALS['wp_rewrite']->set_permalink_structure( '/%year%/%monthnum%/%postname%/' );
		flush_rewrite_rules();
		switch_theme( $in['theme'] ?? 'twentytwentyfive' );
		return true;
	},
	'seed' => fn( $in ) => array_map( 'add', $in['posts'] ),
	'add' => fn( $in ) => add( $in['post'] ),
	'edit' => fn( $in ) => row( wp_update_post( wp_slash( array( 'ID' => $in['id'] ) + $in['values'] ) ) ),
	'delete' => fn( $in ) => (bool) wp_delete_post( $in['id'], true ),
	'theme' => function ( $in ) { switch_theme( $in['name'] ); return true; },
	'rows' => fn( $in ) => array_map( 'row', get_posts( array( 'post_type' => 'post', 'post_status' => 'any',
		'numberposts' => -1, 'fields' => 'ids' ) ) ),
);
echo "\n" . wp_json_encode( $commands[ $in['do'] ]( $in ) ) . "\n";
