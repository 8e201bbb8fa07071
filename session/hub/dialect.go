package hub

import (
	"switchboard/session/configuration"
	"switchboard/session/realtime"
)

// dialect is what the upstream speaks: how a session begins on its wire, and which of its events
// mean what. All else here thinks in meanings and asks (docs/decisions/0021-medium-and-dialect.md).
type dialect interface {
	// begin has the session of a new leg be ready: created, configured, and told what has been said.
	begin(l *leg, o configuration.Opening) error
	// tell adds items to the conversation of a leg that is ready.
	tell(l *leg, items []realtime.Object) error
	// words are the names of its events.
	words() *vocabulary
}

// meaning is what an event of the upstream's means to a session.
type meaning uint8

const (
	meansNothing       meaning = iota // it is passed on
	meansAudio                        // a part of what is heard
	meansError                        // something was refused, or the upstream fails
	meansReady                        // the session was created
	meansConfigured                   // it has another configuration
	meansItem                         // the conversation has another item
	meansItemDone                     // and that is complete
	meansDeleted                      // an item is gone
	meansTruncated                    // an item was cut to what was heard
	meansRetrieved                    // an item as somebody asked for it, with its audio
	meansTranscribed                  // what the user said, in words
	meansUntranscribed                // there will be no words
	meansSpeech                       // the user begins to speak
	meansCommitted                    // the input audio has become an item
	meansCleared                      // the input audio was forgotten
	meansWords                        // a part of what is heard, in words
	meansText                         // a part of what is only read
	meansArguments                    // a part of a function call
	meansOutput                       // an item of a response is complete
	meansBegun                        // a response begins
	meansDone                         // a response ends
	meanings
)

// ofItem reports whether an event is about one item of the conversation.
func (m meaning) ofItem() bool {
	switch m {
	case meansItem, meansItemDone, meansDeleted, meansTruncated, meansRetrieved, meansTranscribed, meansUntranscribed:
		return true
	}
	return false
}

// heard reports whether those who listen in are given an event: sound, its words, what begins and
// ends it, and another configuration, because it may have another audio format.
func (m meaning) heard() bool {
	switch m {
	case meansAudio, meansWords, meansTranscribed, meansSpeech, meansCleared, meansTruncated, meansBegun, meansDone, meansConfigured:
		return true
	}
	return false
}

// lasts reports whether an event ends a change of the conversation. What clients were told
// has to be so on the node that runs the session next, if this one is killed a moment later.
func (m meaning) lasts() bool {
	switch m {
	case meansItemDone, meansDeleted, meansTruncated, meansDone:
		return true
	}
	return false
}

// ask is what an event to the upstream asks for.
type ask uint8

const (
	asksNothing  ask = iota // it is passed on
	asksToHear              // here is input audio
	asksUpdate              // another configuration
	asksCommit              // an item of the input audio
	asksClear               // to forget the input audio
	asksItem                // another item
	asksDelete              // one less
	asksRetrieve            // to be told an item
	asksTruncate            // to cut an item to what was heard
	asksResponse            // an answer
	asksCancel              // to end it
	asks
)

// repeatable reports whether a client's event is sent again to the next upstream, if one is lost
// before it has done what was asked. A cancelled response ends with its upstream.
func (a ask) repeatable() bool { return a >= asksUpdate && a < asksCancel }

// ofInput reports whether it is about the input audio, which one client at a time speaks into.
func (a ask) ofInput() bool { return a == asksToHear || a == asksCommit || a == asksClear }

// answers is which ask an event of the upstream's answers; asksNothing if none.
func (m meaning) answers() ask {
	switch m {
	case meansConfigured:
		return asksUpdate
	case meansCommitted:
		return asksCommit
	case meansCleared:
		return asksClear
	case meansItem, meansItemDone:
		return asksItem
	case meansDeleted:
		return asksDelete
	case meansRetrieved:
		return asksRetrieve
	case meansTruncated:
		return asksTruncate
	case meansBegun:
		return asksResponse
	case meansDone:
		return asksCancel
	}
	return asksNothing
}

// vocabulary is the names of a dialect's events.
type vocabulary struct {
	means   map[string]meaning // of events of the upstream's
	asks    map[string]ask     // of events to it
	refused map[ask]string     // code of an error that only this ask can have
	event   [asks]string       // the event that asks for something
	tells   [meanings]string   // the event that means something
}

// newVocabulary makes one. Where several events mean the same, the first by name stands for them.
func newVocabulary(means map[string]meaning, asked map[string]ask, refused map[ask]string) *vocabulary {
	v := &vocabulary{means: means, asks: asked, refused: refused}
	for name, a := range asked {
		v.event[a] = name
	}
	for name, m := range means {
		if v.tells[m] == "" || name < v.tells[m] {
			v.tells[m] = name
		}
	}
	return v
}

// meaning is what an event of the upstream's means, by its type.
func (v *vocabulary) meaning(typ []byte) meaning { return v.means[string(typ)] }

// asked is what an event to the upstream asks for, by its type.
func (v *vocabulary) asked(typ []byte) ask { return v.asks[string(typ)] }

// event is an event of the upstream's, as far as the relay reads it.
type event struct {
	realtime.Head
	means meaning
}
