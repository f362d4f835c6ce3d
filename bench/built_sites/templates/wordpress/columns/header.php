<!DOCTYPE html>
<html <?php language_attributes(); ?>>
<head><meta charset="<?php bloginfo( 'charset' ); ?>"><?php wp_head(); ?></head>
<body <?php body_class(); ?>>
<div id="page" class="hfeed site">
<header id="masthead" class="site-header"><hgroup><h1 class="site-title"><a href="<?php echo esc_url( home_url( '/' ) ); ?>" rel="home"><?php bloginfo( 'name' ); ?></a></h1><h2 class="site-description"><?php bloginfo( 'description' ); ?></h2></hgroup>
<nav id="site-navigation" class="main-navigation"><div class="nav-menu"><ul><?php wp_list_pages( array( 'title_li' => '' ) ); ?></ul></div></nav></header>
<div id="main" class="wrapper">
