package problem_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/problem"
)

func TestProblem(t *testing.T) {
	p := problem.New(http.StatusServiceUnavailable, "", strings.Repeat("x", 5000))
	p.RetryAfter, p.Header = 3, http.Header{"X-More": {"1"}}
	if p.Type != problem.Prefix+"service-unavailable" || len(p.Detail) > 1100 {
		t.Errorf("%s, %d bytes of detail", p.Type, len(p.Detail))
	}
	if h := p.GetHeaders(); h.Get("Retry-After") != "3" || h.Get("X-More") != "1" || len(p.Header) != 1 {
		t.Errorf("headers %v", h)
	}
	raw, err := json.Marshal(p)
	if err != nil || strings.Contains(string(raw), "X-More") || strings.Contains(string(raw), "Retry") {
		t.Errorf("%v %s", err, raw)
	}
	if h := problem.New(http.StatusUnauthorized, "", "").GetHeaders(); h.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("headers %v", h)
	}
}

// A request with a thousand wrong fields is not answered with a thousand errors, and values, which
// may be secrets, are not repeated.
func TestOf(t *testing.T) {
	errs := []error{&huma.ErrorDetail{Location: "body.x", Message: "wrong", Value: "secret"}, nil, errors.New("plain")}
	for range 1000 {
		errs = append(errs, errors.New("more"))
	}
	p, ok := problem.Of(http.StatusUnprocessableEntity, "no", errs...).(*problem.Problem)
	if !ok || p.Type != problem.Prefix+"invalid-request" || len(p.Errors) != 100 || p.Errors[0] != (problem.ProblemField{Location: "body.x", Message: "wrong"}) {
		t.Errorf("%+v", p)
	}
	if p := problem.Of(http.StatusInternalServerError, "a secret"); p.Error() != "unexpected error" {
		t.Errorf("500 tells %q", p.Error())
	}
	w := httptest.NewRecorder()
	problem.Write(w, p)
	if w.Code != 422 || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// Nothing changes huma's setting by being linked, and everybody may ask for it at once.
func TestInstall(t *testing.T) {
	if _, ours := huma.NewError(400, "x").(*problem.Problem); ours {
		t.Error("installed by the import")
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(problem.Install)
	}
	all.Wait()
	if _, ours := huma.NewError(400, "x").(*problem.Problem); !ours || !huma.ValidateStrictCasing {
		t.Error("not installed")
	}
}
