package survey_test

import (
	"fmt"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/survey"
)

// Something with too many values to choose from is not counted, and all else is.
func TestFacetsAreBounded(t *testing.T) {
	s := survey.New(session.Query{Facets: true}, time.Now())
	for i := range 1500 {
		s.Add(&survey.Facts{Status: session.StatusEnded, Key: "shop", Labels: []survey.Label{
			{Name: "customer", Value: fmt.Sprint(i)}, {Name: "seat", Value: fmt.Sprint(i % 1000)},
		}}, fmt.Sprintf("%04d", i))
	}
	_, page, err := s.Page(1)
	if err != nil || page.Total != 1500 || page.Facets["key"]["shop"] != 1500 || len(page.Facets["label:seat"]) != 1000 || page.Facets["label:seat"]["7"] != 2 {
		t.Errorf("%d of %d, %v", len(page.Facets["label:seat"]), page.Total, err)
	}
	if values, ok := page.Facets["label:customer"]; ok {
		t.Errorf("%d values to choose from", len(values))
	}
}
