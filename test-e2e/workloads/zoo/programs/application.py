# For gunicorn: a page that is the same whichever worker answers.
def application(environment, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"%11d\n" % sum(range(5000))]
