package standin

import (
	"bytes"
	"fmt"

	"github.com/tidwall/gjson"
)

const batchLines = 50_000

// validate takes the input file apart and says what is wrong with it, line by line.
func (run *batchRun) validate(content []byte) (errs []batchError) {
	if wish(run.Metadata) == "refuse" {
		errs = append(errs, batchFault(1, "", "invalid_request", "Refused because the metadata says so."))
	}
	seen, n := map[string]bool{}, 0
	for raw := range bytes.Lines(content) {
		n++
		line := gjson.ParseBytes(raw)
		if !gjson.ValidBytes(raw) || !line.IsObject() {
			errs = append(errs, batchFault(n, "", "invalid_json_line", "This line is not parseable as valid JSON."))
			continue
		}
		if e := run.checkLine(n, line, seen); e != nil {
			errs = append(errs, *e)
		}
		seen[line.Get("custom_id").Str] = true
		run.lines = append(run.lines, line)
	}
	switch {
	case n == 0:
		errs = append(errs, batchFault(1, "", "empty_file", "The input file is empty."))
	case n > batchLines:
		errs = append(errs, batchFault(batchLines+1, "", "too_many_tasks", "The input file has %d requests; a batch has at most %d.", n, batchLines))
	}
	return errs
}

// checkLine holds one request against the batch and those before it.
func (run *batchRun) checkLine(n int, line gjson.Result, seen map[string]bool) *batchError {
	fault := func(param, code, format string, args ...any) *batchError {
		e := batchFault(n, param, code, format, args...)
		return &e
	}
	id, method, url, model := line.Get("custom_id").Str, line.Get("method").Str, line.Get("url").Str, line.Get("body.model").Str
	switch {
	case id == "":
		return fault("custom_id", "missing_required_parameter", "Missing required parameter: 'custom_id'.")
	case seen[id]:
		return fault("custom_id", "duplicate_custom_id", "The custom_id '%s' is a duplicate.", id)
	case method != "POST":
		return fault("method", "invalid_method", "Invalid value: '%s'. Supported values are: 'POST'.", method)
	case url != run.Endpoint:
		return fault("url", "url_mismatch", "The provided URL '%s' does not match the batch endpoint '%s'.", url, run.Endpoint)
	case !line.Get("body").IsObject():
		return fault("body", "missing_required_parameter", "Missing required parameter: 'body'.")
	case model == "":
		return fault("body.model", "missing_required_parameter", "Missing required parameter: 'body.model'.")
	case !run.hasModel(model):
		return fault("body.model", "model_not_found", "The provided model '%s' is not supported by the Batch API.", model)
	case len(run.lines) > 0 && model != run.lines[0].Get("body.model").Str:
		return fault("body.model", "model_mismatch", "The model '%s' is not that of the first request; a batch is for one model.", model)
	}
	return nil
}

func batchFault(line int, param, code, format string, args ...any) batchError {
	return batchError{Code: code, Message: fmt.Sprintf(format, args...), Param: orNull(param), Line: &line}
}
