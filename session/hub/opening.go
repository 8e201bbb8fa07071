package hub

import (
	"errors"

	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/realtime"
)

// configure tells a leg its configuration and waits until it is in effect.
func (l *leg) configure(o configuration.Opening) error {
	if o.Again {
		o.Config = configuration.WithoutNulls(o.Config, l.session)
	}
	for {
		_, secrets := configuration.HideSecrets(o.Config)
		l.keepSecrets(secrets)
		if err := l.ask(asksUpdate, realtime.Object{"session": o.Config}); err != nil {
			return err
		}
		err := l.await(meansConfigured)
		var refused *session.UpstreamError
		if !errors.As(err, &refused) {
			return err
		}
		refused.Message = configuration.WithoutSecrets(refused.Message, secrets)
		if !o.Again || refused.Class() != session.Turn || len(l.dropped) == configuration.DropsAtMost {
			return err
		}
		rest, field := configuration.Without(o.Config, configuration.RefusedField(refused))
		if field == "" {
			return err
		}
		o.Config = rest
		l.dropped = append(l.dropped, field)
	}
}

// noteDropped says what of its configuration the session goes on without.
func (c *Controller) noteDropped(l *leg) {
	if len(l.dropped) > 0 {
		c.node.stats.FieldsDropped.Add(int64(len(l.dropped)))
		c.node.Logger.Warn("upstream refused fields of the configuration; the session goes on without them", "session", c.id, "fields", l.dropped)
	}
}
