package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/configuration"
)

// secretRequest is RealtimeCreateClientSecretRequest.
type secretRequest struct {
	ExpiresAfter *struct {
		Anchor  string `json:"anchor,omitempty" enum:"created_at" doc:"What the seconds count from"`
		Seconds *int   `json:"seconds,omitempty" minimum:"10" maximum:"7200" doc:"600 if left out"`
	} `json:"expires_after,omitempty" doc:"Until when the token must have opened its session"`
	Session sessionConfig `json:"session,omitempty" doc:"GA session object"`
}

// secretAnswer is RealtimeCreateClientSecretResponse.
type secretAnswer struct {
	Value     string          `json:"value" doc:"The token"`
	ExpiresAt int64           `json:"expires_at" doc:"Unix seconds"`
	Session   json.RawMessage `json:"session" doc:"GA session object"`
}

// clientSecrets issues a token that opens a session by /v1/realtime, with its config bound to it.
func (g *Gateway) clientSecrets(c *gin.Context) {
	req, ttl, err := g.secretRequest(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	config := json.RawMessage(`{"type":"realtime"}`)
	if req.Session != nil {
		config = json.RawMessage(req.Session)
	}
	model, ga, err := configuration.NormalizeConfig(config)
	if err != nil {
		g.fail(c, underSession(err))
		return
	}
	if kind := gjson.GetBytes(ga, "type").String(); kind != "realtime" && kind != "transcription" {
		g.fail(c, &session.InvalidError{Field: "session.type", Detail: "must be realtime or transcription"})
		return
	}
	who := callerOf(c.Request.Context())
	token, until, err := g.issue(c.Request.Context(), who.Key, access.Grant{
		Key: who.Key.Name, Policy: g.options.Policies["open"], Config: g.sealed(who.Key.Name, config),
		SafetyID: c.GetHeader("OpenAI-Safety-Identifier"),
	}, ttl)
	if err != nil {
		g.fail(c, err)
		return
	}
	shown, err := shownSession(configuration.ShownSession(ga), model)
	if err != nil {
		g.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, secretAnswer{Value: token, ExpiresAt: until.Unix(), Session: shown})
}

func (g *Gateway) secretRequest(c *gin.Context) (req secretRequest, ttl time.Duration, err error) {
	if err := decodeStrict(c.Request.Body, &req); err != nil {
		return req, 0, err
	}
	ttl = g.options.TokenTTL
	if e := req.ExpiresAfter; e != nil {
		if e.Anchor != "" && e.Anchor != "created_at" {
			return req, 0, &session.InvalidError{Field: "expires_after.anchor", Detail: "must be created_at"}
		}
		if e.Seconds != nil {
			if *e.Seconds < 10 || *e.Seconds > 7200 {
				return req, 0, &session.InvalidError{Field: "expires_after.seconds", Detail: "must be from 10 to 7200"}
			}
			ttl = time.Duration(*e.Seconds) * time.Second
		}
	}
	return req, ttl, nil
}

// shownSession is the session object of the answer: what was asked for, with the names
// that the API gives to it.
func shownSession(ga json.RawMessage, model string) (json.RawMessage, error) {
	object := "realtime.session"
	if gjson.GetBytes(ga, "type").String() == "transcription" {
		object = "realtime.transcription_session"
	}
	set := [][2]string{{"object", object}, {"id", "sess_" + rand.Text()}}
	if model != "" {
		set = append(set, [2]string{"model", model})
	}
	var err error
	for _, kv := range set {
		if ga, err = sjson.SetBytes(ga, kv[0], kv[1]); err != nil {
			return nil, err
		}
	}
	return ga, nil
}

// sealed is a configuration as the store may have it: it may carry secrets of tools.
func (g *Gateway) sealed(key string, config json.RawMessage) []byte {
	if g.options.Sealer == nil {
		return config
	}
	return []byte(g.options.Sealer.Seal("client secret of "+key, config))
}

// unsealed is the configuration of a grant, which older nodes have stored as it is.
func (g *Gateway) unsealed(grant *access.Grant) (json.RawMessage, error) {
	if g.options.Sealer == nil || bytes.HasPrefix(bytes.TrimSpace(grant.Config), []byte("{")) {
		return grant.Config, nil
	}
	config, err := g.options.Sealer.Open("client secret of "+grant.Key, string(grant.Config))
	if err != nil {
		return nil, fmt.Errorf("open configuration of client secret: %w", err)
	}
	return config, nil
}

func underSession(err error) error {
	var invalid *session.InvalidError
	if errors.As(err, &invalid) {
		return &session.InvalidError{Field: "session" + strings.TrimPrefix(invalid.Field, "config"), Detail: invalid.Detail}
	}
	return err
}
