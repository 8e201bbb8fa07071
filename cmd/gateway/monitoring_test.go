package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// TestMonitoringExamples checks that the queries of examples/monitoring name only series that a
// gateway exposes, or metrics that docs/api.md has and a demo lacks.
func TestMonitoringExamples(t *testing.T) {
	url, key := exampleGateway(t, t.Output())
	status, exposed := call(t, http.DefaultClient, "GET", url+"/metrics", key, "")
	if status != 200 {
		t.Fatal(status, exposed)
	}
	known := seriesNames(t, exposed)
	for where, query := range monitoringQueries(t) {
		names := seriesIn(query)
		if len(names) == 0 {
			t.Errorf("%s: no metric in %s", where, query)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s: there is no %s", where, name)
			}
		}
		for _, m := range regexp.MustCompile(`(\w+)\{[^}]*?(\w+="\w+")`).FindAllStringSubmatch(query, -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `\{.*\b` + m[2]).MatchString(exposed) {
				t.Errorf("%s: no %s has %s", where, m[1], m[2])
			}
		}
	}
}

// seriesNames are those of the exposition, and the metrics of docs/api.md that are not in it.
func seriesNames(t *testing.T, exposed string) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+)[{ ]`).FindAllStringSubmatch(exposed, -1) {
		names[m[1]] = true
	}
	for _, m := range regexp.MustCompile("`(switchboard_\\w+)").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(exposed, "# TYPE "+m[1]+" ") { // a histogram is no series without its suffix
			names[m[1]] = true
		}
	}
	return names
}

// notSeries is what a query has beside the names of series, function names being followed by "(".
var notSeries = regexp.MustCompile(`\{[^}]*\}|\[[^]]*\]|(\b\w+ +)?\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)|\b(and|or|unless)\b|\w+ *\(|\b[0-9.]+\b`)

func seriesIn(query string) []string {
	query = regexp.MustCompile(`^label_values\((.*), \w+\)$`).ReplaceAllString(query, "$1")
	return regexp.MustCompile(`\w+`).FindAllString(notSeries.ReplaceAllString(query, " "), -1)
}

// monitoringQueries are the queries of the dashboard and of the alert rules, by where they are.
func monitoringQueries(t *testing.T) map[string]string {
	t.Helper()
	queries := map[string]string{}
	add := func(where, query string) {
		if queries[where] != "" {
			t.Errorf("%s is there twice", where)
		}
		queries[where] = query
	}
	dashboardQueries(t, add)
	alertQueries(t, add)
	return queries
}

func dashboardQueries(t *testing.T, add func(where, query string)) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ RefID, Expr string }
		}
		Templating struct {
			List []struct{ Name, Type, Query string }
		}
	}
	if err := json.Unmarshal(monitoringFile(t, "dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || panel.ID == 0 || panel.Title == "" || len(panel.Targets) == 0 {
			t.Errorf("panel %d, %q, has no ID of its own, no title or no query", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			add(panel.Title+" "+target.RefID, target.Expr)
		}
	}
	for _, variable := range dashboard.Templating.List {
		if variable.Type == "query" {
			add("$"+variable.Name, variable.Query)
		}
	}
}

func alertQueries(t *testing.T, add func(where, query string)) {
	t.Helper()
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(monitoringFile(t, "alerts.yaml"), &rules, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if _, err := time.ParseDuration(rule.For); rule.For != "" && err != nil {
				t.Errorf("%s: %v", rule.Alert, err)
			}
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("%s has no severity or no summary", rule.Alert)
			}
			add(rule.Alert, rule.Expr)
		}
	}
}

func monitoringFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../examples/monitoring/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
