package problem

// Kind is one kind of problem: the end of its Type, and what a program that is told so can do.
type Kind struct {
	Name     string
	Statuses []int
	Text     string // what happened
	Do       string // what to do
}

// Kinds are all that the gateway tells of. Of the documentation, for people; a test holds the code against it.
var Kinds = []Kind{
	{"malformed-request", []int{400}, "The body is not JSON, not UTF-8, or missing.", "Correct the request; a retry fails the same way."},
	{"credential-in-query", []int{400}, "A key or token is in the address, where logs store it.", "Replace the key, and send it as Authorization: Bearer."},
	{"credential-missing", []int{401}, "There is no API key and no client token.", "Send Authorization: Bearer <key>, or the subprotocol with the token."},
	{"credential-unknown", []int{401}, "The API key is not known, was deleted, or has expired.", "Use another key."},
	{"token-expired", []int{401}, "The client token has expired, was revoked, or is not known.", "Have the application issue another one."},
	{"unauthorized", []int{401}, "The signature of a delivery or of a node does not match.", "Check the signing secret and the clock."},
	{"token-not-allowed", []int{403}, "A client token may attach to its own session and do nothing else.", "Use an API key, or the token of this session."},
	{"role-not-allowed", []int{403}, "The role of the API key does not allow it.", "Use a key with the role that the operation names."},
	{"origin-not-allowed", []int{403}, "The page of the browser is not of an allowed origin.", "Add the origin to --allowed-origins."},
	{"listening-not-allowed", []int{403}, "The session does not allow operators to listen in.", "Have the application open sessions with listen_in, or set --listen-in."},
	{"session-not-found", []int{404}, "There is no such session, or it belongs to another key.", "Check the ID."},
	{"broadcast-not-found", []int{404}, "There is no such broadcast.", "Check the ID."},
	{"key-not-found", []int{404}, "There is no such API key, or it is not yours.", "Check the ID."},
	{"token-not-found", []int{404}, "There is no such client token, or it was revoked before.", "Nothing: it opens nothing any more."},
	{"node-not-found", []int{404}, "No node with this ID is alive.", "Read GET /nodes again."},
	{"not-found", []int{404}, "There is no such route, batch, job, event or file, or it belongs to another key.", "Check the path and the ID."},
	{"method-not-allowed", []int{405}, "The route does not have this method.", "See Allow, and this page."},
	{"request-timeout", []int{408}, "The body did not arrive in time.", "Retry on a faster connection."},
	{"session-exists", []int{409}, "The session ID is in use.", "Choose another one, or leave it out."},
	{"call-answered", []int{409}, "The function call has been answered.", "Nothing: the first answer counts."},
	{"broadcast-withdrawn", []int{409}, "The broadcast was withdrawn before.", "Nothing."},
	{"key-exists", []int{409}, "An API key has this name.", "Choose another name."},
	{"key-read-only", []int{409}, "The API key comes from the environment of the nodes.", "Remove it there."},
	{"conflict", []int{409}, "The object is in a state that does not allow it: still running, or already done.", "Read it again, then decide."},
	{"session-ended", []int{410}, "The session has ended; detail has the reason.", "Open another one."},
	{"precondition-failed", []int{412}, "If-Match has an ETag of what the session was before somebody changed it. Nothing was done.", "Read it again, then decide."},
	{"request-entity-too-large", []int{413}, "The body is over the limit.", "Send less; upload batches as files."},
	{"unsupported-media-type", []int{415}, "The body is compressed, or of a type that the route does not take.", "Send it as it is, with the right Content-Type."},
	{"invalid-request", []int{422}, "Fields are wrong; errors names each with its location.", "Correct them; a retry fails the same way."},
	{"upgrade-required", []int{426}, "The route is a WebSocket.", "Connect with a WebSocket client."},
	{"limit-reached", []int{429}, "A limit of the API key is reached; code names it.", "Wait as long as Retry-After says, or raise the limit of the key."},
	{"too-many-requests", []int{429}, "Too much at once: large bodies of one key, uploads, or requests to OpenAI.", "Retry with back-off."},
	{"client-gone", []int{499}, "The client closed the connection before it was answered. Only the log shows it.", "Nothing."},
	{"internal-server-error", []int{500}, "A fault of the gateway. The log has it.", "Report it with the time."},
	{"upstream-left", []int{502}, "The upstream closed before the session was ready.", "Retry with back-off."},
	{"node-lost", []int{502}, "The node of the session died while it handled the request, and may have executed it.", "Read the session, then decide whether to send it again."},
	{"bad-gateway", []int{502}, "OpenAI answered with an error, or refuses the gateway's key.", "Retry with back-off; an operator checks the key."},
	{"upstream-refused", []int{409, 422, 429, 502, 503}, "The upstream refused; code, param and upstream_type are its own words.", "422: correct the request. 409: a race, read again. Else retry with back-off."},
	{"draining", []int{503}, "The node takes no new sessions.", "Retry: the load balancer chooses another node."},
	{"store-unavailable", []int{503}, "Redis cannot be reached.", "Retry after Retry-After; live sessions continue."},
	{"session-elsewhere", []int{503}, "The session is on its way to another node; nothing was done.", "Retry after Retry-After."},
	{"upstream-busy", []int{503}, "The upstream is not taking what is sent; nothing was done.", "Retry after Retry-After."},
	{"upstream-lost", []int{503}, "The upstream was lost, and another has replaced it; nothing was done.", "Retry."},
	{"service-unavailable", []int{503}, "Redis or OpenAI cannot be reached, or the node is at its limit of uploads.", "Retry with back-off."},
	{"upstream-timeout", []int{504}, "The upstream did not answer in time.", "Read the session, then decide whether to send it again."},
	{"gateway-timeout", []int{504}, "OpenAI did not answer in time.", "Retry with back-off."},
}
