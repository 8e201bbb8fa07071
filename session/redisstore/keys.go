package redisstore

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"time"

	"switchboard/session"
	"switchboard/session/audit"
)

// sessionKey names a key of one session; part is record, items, order, log, deltas, notes,
// epoch, lease or tokens.
func sessionKey(id session.ID, part string) string { return "gw:{s:" + string(id) + "}:" + part }

// indexKey names a key of the index of all sessions or, unless key is empty, of those of
// one API key; part is list, until, terms, entries, sums, expiry, facts, changed or
// version.
func indexKey(key, part string) string {
	if key == "" {
		return "gw:{i}:" + part
	}
	return "gw:{i:" + url.QueryEscape(key) + "}:" + part
}

// heldKey names the set of sessions that an incarnation of a node holds.
func heldKey(incarnation string) string { return "gw:{h:" + url.QueryEscape(incarnation) + "}:held" }

// tokenHash is what is stored of a token: what is read out of Redis opens nothing.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func grantKey(hash string) string { return "gw:{t:" + hash + "}" }

// meterKey names a key of one API key; part is open, counted, known, a day, or <day>:labels.
func meterKey(key, part string) string { return "gw:{k:" + url.QueryEscape(key) + "}:" + part }

// metersKey names the set of API keys that used something in a day.
func metersKey(day string) string { return "gw:{u}:" + day }

// Keys of the fleet: those of {n} are of one script, due is on its own.
const (
	nodesKey      = "gw:{n}:nodes"
	untilKey      = "gw:{n}:until"
	beatsKey      = "gw:{n}:beats"
	generationKey = "gw:{n}:generation"
	dueKey        = "gw:{o}:due"
	secretKey     = "gw:{c}:secret"
)

// Keys of the API keys that were made at run time.
const (
	keyNamesKey      = "gw:{keys}:names"
	keysKey          = "gw:{keys}:all"
	keysVersionKey   = "gw:{keys}:version"
	keysRevokedKey   = "gw:{keys}:revoked"
	tokensRevokedKey = "gw:{keys}:tokens"
)

// Keys of the log of broadcasts. logKey is the name of the channel that wakes, too.
const (
	logKey       = "gw:{bc}:log"
	withdrawnKey = "gw:{bc}:withdrawn"
)

// Keys of what nodes say of themselves.
const (
	vitalsKey       = "gw:{lives}:vitals"
	vitalsSeenKey   = "gw:{lives}:seen"
	vitalsOrdersKey = "gw:{lives}:drain"
)

// Keys of the audit log. auditLastKey is the name of the channel that wakes, too.
const auditLastKey = "gw:{audit}:last"

func auditKey(c audit.Class) string { return "gw:{audit}:" + string(c) }

// auditSaidKey names what keeps a call that is sent twice from counting twice.
func auditSaidKey(id string) string { return "gw:{audit}:said:" + id }

// saidKey names what keeps a call that is sent twice from counting twice; id is its
// caller's for it, "" if the caller does not send it again.
func saidKey(id string) string { return "gw:{bc}:said:" + cmp.Or(id, rand.Text()) }

// tallyKey names a key of one broadcast, or of its withdrawal; part is nodes, counts,
// outcomes or a status.
func tallyKey(id string, withdrawn bool, part string) string {
	if withdrawn {
		return "gw:{bc}:" + id + ":withdrawn:" + part
	}
	return "gw:{bc}:" + id + ":" + part
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
