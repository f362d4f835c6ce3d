</div>
<footer id="colophon"><div class="site-info"><a href="https://wordpress.example.org/">Proudly powered by a press</a></div></footer>
</div>
<?php wp_footer(); ?>
</body>
</html>
