package session

import "slices"

// call finds a function call by its ID; nil if there is none.
func (v *conversation) call(callID string) *Item {
	i := slices.IndexFunc(v.items, func(it *Item) bool { return it.Type == "function_call" && it.CallID == callID })
	if i < 0 {
		return nil
	}
	return v.items[i]
}

// answered reports whether a call has its output, or is being given it.
func (v *conversation) answered(callID string) bool {
	return slices.Contains(v.answering, callID) || v.output(callID)
}

func (v *conversation) output(callID string) bool {
	return slices.ContainsFunc(v.items, func(it *Item) bool { return it.Type == "function_call_output" && it.CallID == callID })
}

// follow reports, once, that all calls of a response have their output: answers that
// come at the same time make one next response due, not one each.
func (v *conversation) follow(response string) bool {
	var fresh []string
	for _, it := range v.items {
		if it.Type != "function_call" || it.ResponseID != response {
			continue
		}
		switch {
		case v.output(it.CallID):
		case it.whole():
			return false
		default: // cut off: nobody has to answer it
			continue
		}
		if !slices.Contains(v.followed, it.CallID) {
			fresh = append(fresh, it.CallID)
		}
	}
	v.followed = append(v.followed, fresh...)
	return len(fresh) > 0
}
