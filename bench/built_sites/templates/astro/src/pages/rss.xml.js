import rss from "@astrojs/rss";
import { getCollection } from "astro:content";
import site from "../site.json";

export async function GET(context) {
  const posts = await getCollection("blog");
  return rss({
    title: site.title,
    description: site.description,
    site: context.site,
    items: posts.map((post) => ({ ...post.data, link: `/blog/${post.id}/` })),
  });
}
