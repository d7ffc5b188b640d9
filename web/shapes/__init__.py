"""The shapes of requests and answers, as OpenAPI tells them: a module per kind of thing."""
