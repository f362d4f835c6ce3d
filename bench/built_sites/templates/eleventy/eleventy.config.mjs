import { feedPlugin } from "@11ty/eleventy-plugin-rss";
import syntaxHighlight from "@11ty/eleventy-plugin-syntaxhighlight";

export default function (config) {
  config.addPlugin(syntaxHighlight);
  config.addPassthroughCopy({ "public/": "/" });
  config.addFilter("htmlDate", (date) => date.toISOString().slice(0, 10));
  config.addFilter("readableDate", (date) =>
    date.toLocaleDateString("en-GB", { day: "2-digit", month: "long", year: "numeric", timeZone: "UTC" }));
  config.addFilter("newestFirst", (posts) => [...posts].reverse());
  config.addFilter("ownTags", (tags) => (tags || []).filter((tag) => !["all", "posts"].includes(tag)));
  config.addFilter("keys", (object) => Object.keys(object).filter((tag) => !["all", "posts"].includes(tag)));
  config.addPlugin(feedPlugin, {
    type: "atom",
    outputPath: "/feed/feed.xml",
    collection: { name: "posts", limit: 10 },
    metadata: {
      language: "en",
      title: "The Millrace Journal",
      subtitle: "Notes from a watermill",
      base: process.env.SITE_URL,
      author: { name: "Ada Fenwick" },
    },
  });
  return { dir: { input: "content", includes: "../_includes", data: "../_data", output: "_site" },
    markdownTemplateEngine: false };
}
