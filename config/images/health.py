"""Whether a server of this container answers: health.py PORT PATH. No proxy is asked, and nothing heavy imported."""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
connection.request("GET", sys.argv[2])
sys.exit(connection.getresponse().status != http.client.OK)
