// The AWS SDK for Go: Converse and ConverseStream. Reports as ../python/answer.py describes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
)

type answer struct {
	Client     string  `json:"client"`
	Version    string  `json:"version"`
	Text       string  `json:"text"`
	ArrivalsMs []int64 `json:"arrivalsMs"`
}

var (
	model    = aws.String("eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
	messages = []types.Message{{
		Role: types.ConversationRoleUser,
		Content: []types.ContentBlock{
			&types.ContentBlockMemberText{Value: "Explain in two sentences what an API gateway does."},
		},
	}}
)

func main() {
	result := answer{Client: "aws-sdk-go-v2", Version: aws.SDKVersion, ArrivalsMs: []int64{}}
	if err := ask(context.Background(), &result); err != nil {
		var known smithy.APIError
		if errors.As(err, &known) {
			fmt.Fprintf(os.Stderr, "%s: %s\n", known.ErrorCode(), known.ErrorMessage())
		} else {
			fmt.Fprintf(os.Stderr, "error: %v\n", err)
		}
		os.Exit(1)
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
}

func ask(ctx context.Context, result *answer) error {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	client := bedrockruntime.NewFromConfig(settings)
	if os.Args[1] == "stream" {
		return stream(ctx, client, result)
	}
	reply, err := client.Converse(ctx, &bedrockruntime.ConverseInput{ModelId: model, Messages: messages})
	if err != nil {
		return err
	}
	message := reply.Output.(*types.ConverseOutputMemberMessage).Value
	result.Text = message.Content[0].(*types.ContentBlockMemberText).Value
	return nil
}

func stream(ctx context.Context, client *bedrockruntime.Client, result *answer) error {
	started := time.Now()
	reply, err := client.ConverseStream(ctx, &bedrockruntime.ConverseStreamInput{ModelId: model, Messages: messages})
	if err != nil {
		return err
	}
	events := reply.GetStream()
	defer events.Close()
	for event := range events.Events() {
		delta, isDelta := event.(*types.ConverseStreamOutputMemberContentBlockDelta)
		if !isDelta {
			continue
		}
		if text, isText := delta.Value.Delta.(*types.ContentBlockDeltaMemberText); isText {
			result.Text += text.Value
			result.ArrivalsMs = append(result.ArrivalsMs, time.Since(started).Milliseconds())
		}
	}
	return events.Err()
}
