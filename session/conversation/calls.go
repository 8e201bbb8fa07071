package conversation

import "slices"

// Call finds a function call by its ID; nil if there is none.
func (v *Conversation) Call(callID string) *Entry {
	i := slices.IndexFunc(v.Items, func(it *Entry) bool { return it.Type == "function_call" && it.CallID == callID })
	if i < 0 {
		return nil
	}
	return v.Items[i]
}

// Answered reports whether a call has its output, or is being given it.
func (v *Conversation) Answered(callID string) bool {
	return slices.Contains(v.Answering, callID) || v.output(callID)
}

func (v *Conversation) output(callID string) bool {
	return slices.ContainsFunc(v.Items, func(it *Entry) bool { return it.Type == "function_call_output" && it.CallID == callID })
}

// Pending is how many function calls wait for their result: of those that no message has followed.
func (v *Conversation) Pending() (n int) {
	for i := len(v.Items) - 1; i >= 0 && v.Items[i].Type != "message"; i-- {
		if it := v.Items[i]; it.Type == "function_call" && it.Complete() && !v.output(it.CallID) {
			n++
		}
	}
	return n
}

// Follow reports, once, that all calls of a response have their output: answers that
// come at the same time make one next response due, not one each.
func (v *Conversation) Follow(response string) bool {
	var fresh []string
	for _, it := range v.Items {
		if it.Type != "function_call" || it.ResponseID != response {
			continue
		}
		switch {
		case v.output(it.CallID):
		case it.Complete():
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
