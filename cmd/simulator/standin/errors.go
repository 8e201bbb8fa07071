package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// apiError is an error as the API reports it, on the wire and in HTTP bodies.
// Code and Param are null when empty, as live.
type apiError struct {
	kind, code, message, param string
}

func (e *apiError) Error() string { return e.message }

type errorBody struct {
	Type    string  `json:"type"`
	Code    *string `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
}

func (e *apiError) body() errorBody {
	return errorBody{Type: e.kind, Code: orNull(e.code), Message: e.message, Param: orNull(e.param)}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// invalid is an invalid_request_error, which almost all errors are.
func invalid(code, param, format string, args ...any) *apiError {
	return &apiError{kind: "invalid_request_error", code: code, param: param, message: fmt.Sprintf(format, args...)}
}

func errUnknownParameter(path string) *apiError {
	return invalid("unknown_parameter", path, "Unknown parameter: '%s'.", path)
}

func errMissingParameter(path string) *apiError {
	return invalid("missing_required_parameter", path, "Missing required parameter: '%s'.", path)
}

func errUnsupported(path, value string, supported []string) *apiError {
	return invalid("invalid_value", path, "Invalid value: '%s'. Supported values are: %s.", value, quoteList(supported))
}

func errUnsupportedBy(model, path string) *apiError {
	return invalid("unsupported_parameter", path, "Unsupported parameter: '%s' is not supported with the model '%s'.", path, model)
}

// quoteList writes "'a', 'b', and 'c'" as the API's messages do.
func quoteList(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = "'" + v + "'"
	}
	if n := len(quoted); n > 1 {
		quoted[n-1] = "and " + quoted[n-1]
	}
	if len(quoted) == 2 {
		return strings.Join(quoted, " ")
	}
	return strings.Join(quoted, ", ")
}

func errWrongKey(key string) *apiError {
	shown := "***"
	if len(key) > 12 {
		shown = key[:8] + "***" + key[len(key)-4:]
	}
	return invalid("invalid_api_key", "", "Incorrect API key provided: %s. You can find your API key at https://platform.openai.com/account/api-keys.", shown)
}

func errNoKey() *apiError {
	return invalid("", "", "Missing bearer or basic authentication in header")
}

func errActiveResponse(id string) *apiError {
	return invalid("conversation_already_has_active_response", "",
		"Conversation already has an active response in progress: %s. Wait until the response is finished before creating a new one.", id)
}

// writeError answers an HTTP request the way the API does.
func writeError(w http.ResponseWriter, status int, e *apiError) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The peer may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(struct {
		Error errorBody `json:"error"`
	}{e.body()})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}

func notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, http.StatusNotFound, invalid("unknown_url", "", "Invalid URL (%s %s)", r.Method, r.URL.Path))
}
