// Command go speaks with a model through the gateway, with OpenAI's own SDK: only the base URL
// and the key are the gateway's.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/realtime"
)

func main() {
	if err := hello(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// hello says one thing in a session and prints the answer.
func hello(ctx context.Context) error {
	client := openai.NewClient(option.WithBaseURL(os.Getenv("GATEWAY")+"/v1/"), option.WithAPIKey(os.Getenv("KEY")))
	conn, err := client.Realtime.Connect(ctx, realtime.RealtimeConnectionOptions{}, option.WithQuery("model", "gpt-realtime-2.1"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Abort()
	ask := realtime.RealtimeClientEventParamOfConversationItemCreate(realtime.RealtimeConversationItemUserMessageParam{
		Content: []realtime.RealtimeConversationItemUserMessageContentParam{{Type: "input_text", Text: openai.String("Say hello.")}},
	})
	answer := realtime.RealtimeClientEventUnionParam{OfResponseCreate: &realtime.ResponseCreateEventParam{}}
	for _, event := range []realtime.RealtimeClientEventUnionParam{ask, answer} {
		if err := conn.Send(ctx, event); err != nil {
			return fmt.Errorf("send: %w", err)
		}
	}
	for {
		event, err := conn.Recv(ctx)
		if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		switch event.Type {
		case "error":
			return fmt.Errorf("refused: %s", event.AsRealtimeErrorEvent().Error.Message)
		case "response.output_audio_transcript.done":
			fmt.Println(event.AsResponseAudioTranscriptDoneEvent().Transcript)
		case "response.done":
			return conn.Close()
		}
	}
}
