package standin

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
)

// Rules of what the REST routes are sent. A member that no rule has is refused, as live.
var (
	batchRule = object(fields{
		"input_file_id": text, "endpoint": oneOf(batchEndpoints...), "completion_window": oneOf("24h"), "metadata": orNullRule(metadataRule),
		"output_expires_after": orNullRule(expiryRule),
	}, "input_file_id", "endpoint", "completion_window")

	expiryRule = object(fields{"anchor": oneOf("created_at"), "seconds": integer(3600, 30*24*3600)}, "anchor", "seconds")

	tuneRule = object(fields{
		"model": text, "training_file": text, "validation_file": orNullRule(text), "suffix": orNullRule(shortText(64)),
		"seed": orNullRule(integer(0, math.MaxInt32)), "metadata": orNullRule(metadataRule), "integrations": orNullRule(listOf(freeObject)),
		"hyperparameters": orNullRule(hyperRule), "method": orNullRule(methodRule),
	}, "model", "training_file")

	hyperRule = object(fields{
		"batch_size": autoOr(integer(1, 256)), "n_epochs": autoOr(integer(1, 50)), "learning_rate_multiplier": autoOr(decimal(0, math.MaxFloat64)),
	})
	methodRule = union("type", map[string]rule{
		"supervised":    object(fields{"type": text, "supervised": object(fields{"hyperparameters": hyperRule})}),
		"dpo":           object(fields{"type": text, "dpo": freeObject}),
		"reinforcement": object(fields{"type": text, "reinforcement": freeObject}),
	})

	endpointFields   = fields{"name": text, "url": text, "event_types": listOf(oneOf(eventTypes...))}
	newEndpointRule  = object(endpointFields, "name", "url", "event_types")
	nextEndpointRule = object(endpointFields)
	rotateRule       = object(fields{"keep_old_secret_active_for_24_hours": orNullRule(boolean)})
	testRule         = object(fields{"event_type": oneOf(eventTypes...)}, "event_type")
)

func autoOr(r rule) rule {
	return func(v any, path string) *apiError {
		if v == "auto" {
			return nil
		}
		return r(v, path)
	}
}

// readRuled decodes a request's JSON that passes its rule; it has answered when it returns false.
func readRuled(w http.ResponseWriter, r *http.Request, check rule, into any) bool {
	var raw rawBody
	if !readBody(w, r, &raw) {
		return false
	}
	var members any
	err := json.Unmarshal(raw, &members)
	if err == nil {
		if e := check(members, ""); e != nil {
			writeError(w, http.StatusBadRequest, e)
			return false
		}
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, invalid("", "", "We could not parse the JSON body of your request."))
	}
	return err == nil
}

// fileLife is how long a file of a batch is kept if nobody says otherwise.
const fileLife = 30 * 24 * 3600

// uploadLife reads the expires_after of an upload's form: seconds, 0 for ever.
func uploadLife(form map[string]string) (int64, *apiError) {
	anchor, anchored := form["expires_after[anchor]"]
	given, ok := form["expires_after[seconds]"]
	if !anchored && !ok {
		if form["purpose"] == "batch" {
			return fileLife, nil
		}
		return 0, nil
	}
	members := map[string]any{"anchor": anchor}
	if seconds, err := strconv.ParseFloat(given, 64); err == nil {
		members["seconds"] = seconds
	}
	if e := expiryRule(members, "expires_after"); e != nil {
		return 0, e
	}
	return int64(members["seconds"].(float64)), nil
}
