"""The web interface of `archiver serve`, built on Datasette.

    web_server.py
                          builds and runs the application; Datasette's hooks: routes, menu links, response headers
                          and errors; refuses unsafe requests
    web_routes.py
                          the table of pages; turns a request into a response
    web_requests.py
                          requests, responses, and searches as URL arguments
    *_pages.py, *_page*.py
                          the pages; search_charts.py has their charts and maps, geo_grid.py counts the places
                          of a map, search_filters.py has their filters and what is said about a
                          search that finds nothing
    safe_replay.py
                          captured pages made safe, and Memento addresses
    templates/, static/   one template per page, all based on layout.html; style sheets and scripts

Pages use `archiver.search` and `archiver.storage` like the commands do, so both show the same. Nothing here writes
to an archive.
"""
