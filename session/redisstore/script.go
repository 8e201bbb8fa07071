package redisstore

import (
	"context"
	_ "embed"
	"slices"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/apply.lua
	applySource string
	//go:embed lua/addnote.lua
	addNoteSource string
	//go:embed lua/pack.lua
	packSource string
	//go:embed lua/index.lua
	indexSource string
	//go:embed lua/select.lua
	selectSource string
	//go:embed lua/changes.lua
	changesSource string
	//go:embed lua/acquire.lua
	acquireSource string
	//go:embed lua/restore.lua
	restoreSource string
	//go:embed lua/release.lua
	releaseSource string
	//go:embed lua/open.lua
	openSource string
	//go:embed lua/count.lua
	countSource string
	//go:embed lua/note.lua
	noteSource string
	//go:embed lua/take.lua
	takeSource string
	//go:embed lua/settle.lua
	settleSource string
	//go:embed lua/orphan.lua
	orphanSource string
	//go:embed lua/enlist.lua
	enlistSource string
	//go:embed lua/beat.lua
	beatSource string
	//go:embed lua/declare.lua
	declareSource string
	//go:embed lua/nodes.lua
	nodesSource string
	//go:embed lua/broadcast.lua
	broadcastSource string
	//go:embed lua/report.lua
	reportSource string
	//go:embed lua/audit.lua
	auditSource string
	//go:embed lua/putvitals.lua
	putVitalsSource string
	//go:embed lua/vitals.lua
	vitalsSource string
	//go:embed lua/drain.lua
	drainSource string

	applyScript     = redis.NewScript(applySource)
	addNoteScript   = redis.NewScript(addNoteSource)
	packScript      = redis.NewScript(packSource)
	indexScript     = redis.NewScript(indexSource)
	selectScript    = redis.NewScript(selectSource)
	changesScript   = redis.NewScript(changesSource)
	acquireScript   = redis.NewScript(acquireSource)
	restoreScript   = redis.NewScript(restoreSource)
	releaseScript   = redis.NewScript(releaseSource)
	openScript      = redis.NewScript(openSource)
	countScript     = redis.NewScript(countSource)
	noteScript      = redis.NewScript(noteSource)
	takeScript      = redis.NewScript(takeSource)
	settleScript    = redis.NewScript(settleSource)
	orphanScript    = redis.NewScript(orphanSource)
	enlistScript    = redis.NewScript(enlistSource)
	beatScript      = redis.NewScript(beatSource)
	declareScript   = redis.NewScript(declareSource)
	nodesScript     = redis.NewScript(nodesSource)
	broadcastScript = redis.NewScript(broadcastSource)
	reportScript    = redis.NewScript(reportSource)
	auditScript     = redis.NewScript(auditSource)
	putVitalsScript = redis.NewScript(putVitalsSource)
	vitalsScript    = redis.NewScript(vitalsSource)
	drainScript     = redis.NewScript(drainSource)
)

// pipelineCalls is how many script calls share one round trip.
const pipelineCalls = 128

// call is one call of a script and, after run, its answer.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
	answer *redis.Cmd
}

// run sends calls in pipelines. Calls are independent of each other: when a node of Redis
// does not know a script yet, those that failed for it are sent again after the others.
func (s *Store) run(ctx context.Context, calls []*call) error {
	for chunk := range slices.Chunk(calls, pipelineCalls) {
		if err := s.exec(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) exec(ctx context.Context, calls []*call) error {
	err := s.send(ctx, calls)
	unknown := slices.DeleteFunc(slices.Clone(calls), func(c *call) bool {
		return !redis.HasErrorPrefix(c.answer.Err(), "NOSCRIPT")
	})
	if len(unknown) == 0 {
		return err
	}
	loaded := map[*redis.Script]bool{}
	for _, c := range unknown {
		if loaded[c.script] {
			continue
		}
		loaded[c.script] = true
		if err := c.script.Load(ctx, s.client).Err(); err != nil {
			return err
		}
	}
	if err := s.send(ctx, unknown); err != nil {
		return err
	}
	for _, c := range calls {
		if err := c.answer.Err(); err != nil {
			return err
		}
	}
	return nil
}

// send returns the first error, of the pipeline or of a call.
func (s *Store) send(ctx context.Context, calls []*call) error {
	pipe := s.client.Pipeline()
	for _, c := range calls {
		c.answer = c.script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	_, err := pipe.Exec(ctx)
	return err
}
