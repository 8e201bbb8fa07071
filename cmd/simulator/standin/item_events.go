package standin

import (
	"encoding/json"
)

// itemEvent carries an item and where it stands.
type itemEvent struct {
	PreviousItemID *string `json:"previous_item_id"`
	Item           *item   `json:"item"`
}

// tellItem sends conversation.item.added or .done. The caller holds mu.
func (s *session) tellItem(eventType string, it *item) {
	s.emit(eventType, itemEvent{orNull(s.conv.before(it.ID)), it})
}

type itemIDEvent struct {
	ItemID string `json:"item_id"`
}

func (s *session) handleItemCreate(members map[string]any, _ []byte) *apiError {
	previous, _ := members["previous_item_id"].(string)
	it := newItem(members["item"].(map[string]any), s.config.Audio.Input.Format)
	if e := s.conv.insert(it, previous); e != nil {
		return e
	}
	if s.conv.lastID() != it.ID {
		s.memory.forget()
	}
	s.tellItem("conversation.item.added", it)
	s.tellItem("conversation.item.done", it)
	return nil
}

func (s *session) handleItemRetrieve(members map[string]any, _ []byte) *apiError {
	id := members["item_id"].(string)
	it := s.conv.find(id)
	if it == nil {
		return invalid("item_retrieve_invalid_item_id", "", "Error retrieving item: the item with id '%s' does not exist.", id)
	}
	s.emit("conversation.item.retrieved", struct {
		Item *item `json:"item"`
	}{it.retrieved()})
	return nil
}

func (s *session) handleItemDelete(members map[string]any, _ []byte) *apiError {
	id := members["item_id"].(string)
	if e := s.conv.remove(id); e != nil {
		return e
	}
	s.memory.forget()
	s.emit("conversation.item.deleted", itemIDEvent{id})
	return nil
}

func (s *session) handleItemTruncate(members map[string]any, _ []byte) *apiError {
	id, index, end := members["item_id"].(string), int(members["content_index"].(float64)), int(members["audio_end_ms"].(float64))
	if e := s.conv.truncate(id, index, end); e != nil {
		return e
	}
	s.memory.forget()
	s.emit("conversation.item.truncated", struct {
		ItemID       string `json:"item_id"`
		ContentIndex int    `json:"content_index"`
		AudioEndMS   int    `json:"audio_end_ms"`
	}{id, index, end})
	return nil
}

// announceToolServers tells of the MCP servers that an update names. The stand-in asks
// none of them and lists no tools.
func (s *session) announceToolServers(patch map[string]any) {
	if _, ok := patch["tools"]; !ok {
		return
	}
	for _, raw := range s.config.Tools {
		var server tool
		if json.Unmarshal(raw, &server) != nil || server.Type != "mcp" {
			continue
		}
		it := &item{ID: newID("mcpl_"), Type: "mcp_list_tools"}
		// Strings always encode, and a new id at the end cannot be refused.
		it.raw, _ = marshal(struct {
			ID    string     `json:"id"`
			Type  string     `json:"type"`
			Label string     `json:"server_label"`
			Tools []struct{} `json:"tools"`
		}{it.ID, it.Type, server.Label, []struct{}{}})
		_ = s.conv.insert(it, "")
		s.tellItem("conversation.item.added", it)
		s.emit("mcp_list_tools.in_progress", itemIDEvent{it.ID})
		s.emit("mcp_list_tools.completed", itemIDEvent{it.ID})
		s.tellItem("conversation.item.done", it)
	}
}
