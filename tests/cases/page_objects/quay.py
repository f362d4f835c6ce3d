"""Page objects of a made-up site, with one case folder for each thing that they may return."""

from datetime import date

from archiver import EMPTY, PageObject, field, handle_urls

from .quay_names import without_office


@handle_urls("quay.example/notices", "quay.example/20*/news")
class Notice(PageObject):
    @field
    def title(self):
        return self.article.title.removeprefix("Notice: ")

    @field
    def body(self):
        text = self.css("div.notice")
        text.css(".stamp").drop()
        return text

    @field
    def authors(self):
        return [without_office(name) for name in self.css(".signed span::text").getall()]

    @field
    def published(self):
        return self.css(".stamp")

    @field
    def modified(self):
        return date(2024, 5, 9)

    @field
    def tags(self):
        return (word.strip("#") for word in self.xpath("//p[@class='marks']/text()").get().split())

    @field
    def geotags(self):
        return ["Bergen", (60.3913, 5.3221)]

    @field
    def language(self):
        return "nb_no"

    @field
    def image(self):
        return self.css("div.notice img::attr(src)")

    @field
    def canonical_url(self):
        return None


@handle_urls("quay.example/letters")
class Letter(PageObject):
    @field
    def categories(self):
        return EMPTY

    @field
    def tags(self):
        return []

    @field
    def body(self):
        return "First line.\nSecond  line.\n\n\n\nLast paragraph."
