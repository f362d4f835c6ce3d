"""The web interface of `archiver serve`, built on Datasette.

    web_server_and_datasette_app.py
                          builds and runs the application; Datasette's hooks: routes, menu links, response headers
    dispatch.py           the table of pages; turns a request into a response
    page_requests_and_responses.py
                          requests, responses, and searches as URL arguments; rejects unsafe requests
    *_pages.py, *_page*.py
                          the pages; search_charts_and_map.py has their charts and maps, search_filters.py their filters
                          and what is said about a search that finds nothing
    replay.py             captured pages made safe, and Memento addresses
    templates/, static/   one template per page, all based on layout.html; style sheets and scripts

Pages use `archiver.search` and `archiver.storage` like the commands do, so both show the same. Nothing here writes
to an archive.
"""
