"""Another archive goes into this one, as if this one had seen all that it saw.

`other` opens it, `files` brings its WARC files, `tables` what is about sites, `captures` the rows of its captures,
`articles` and `woven` its posts with their versions, `ledger` what it knows of addresses; `run` does it all in order.
Each part does once more nothing: a merge that was stopped is begun again, and ends as if it had not been.
"""
