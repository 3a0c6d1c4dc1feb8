// The forwarder a competent user would write in Go: the Runtime API's loop on net/http, streaming, the SDK's signer.
//
// It has no tenants, no rules and no meter. What it does for speed: kept connections, one hash of the body, no copy of
// the response, and Go's default of TCP_NODELAY.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

type event struct {
	HTTPMethod                      string              `json:"httpMethod"`
	Path                            string              `json:"path"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	Body                            string              `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type prelude struct {
	StatusCode        int                 `json:"statusCode"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
}

// Headers that are the connection's or the signer's.
var dropped = map[string]bool{
	"authorization": true, "connection": true, "content-length": true, "host": true, "transfer-encoding": true,
	"x-amz-content-sha256": true, "x-amz-date": true, "x-amz-security-token": true, "x-forwarded-for": true,
	"x-forwarded-port": true, "x-forwarded-proto": true, "accept-encoding": true,
}

type forwarder struct {
	client      *http.Client
	signer      *v4.Signer
	credentials aws.Credentials
	region      string
	upstream    *url.URL
	invocations string
}

func main() {
	upstream, err := url.Parse(os.Getenv("BENCH_UPSTREAM"))
	if err != nil {
		fail(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.Proxy = nil
	f := &forwarder{
		client: &http.Client{Transport: transport},
		signer: v4.NewSigner(func(options *v4.SignerOptions) { options.DisableURIPathEscaping = false }),
		credentials: aws.Credentials{
			AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		},
		region:      os.Getenv("AWS_REGION"),
		upstream:    upstream,
		invocations: "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/",
	}
	for {
		if err := f.once(); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Takes one invocation and answers it.
func (f *forwarder) once() error {
	next, err := f.client.Get(f.invocations + "next")
	if err != nil {
		return err
	}
	var invocation event
	err = json.NewDecoder(next.Body).Decode(&invocation)
	_, _ = io.Copy(io.Discard, next.Body)
	next.Body.Close()
	if err != nil {
		return err
	}
	response, err := f.forward(&invocation)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return f.answer(next.Header.Get("Lambda-Runtime-Aws-Request-Id"), response)
}

// Signs the call and sends it.
func (f *forwarder) forward(invocation *event) (*http.Response, error) {
	body := []byte(invocation.Body)
	if invocation.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(invocation.Body)
		if err != nil {
			return nil, err
		}
		body = decoded
	}
	path := strings.TrimPrefix(invocation.Path, "/bedrock-runtime")
	target := f.upstream.Scheme + "://" + f.upstream.Host + path
	if len(invocation.MultiValueQueryStringParameters) > 0 {
		target += "?" + url.Values(invocation.MultiValueQueryStringParameters).Encode()
	}
	request, err := http.NewRequest(invocation.HTTPMethod, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range invocation.MultiValueHeaders {
		if !dropped[strings.ToLower(name)] {
			request.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	request.Host = "bedrock-runtime." + f.region + ".amazonaws.com"
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	err = f.signer.SignHTTP(context.Background(), f.credentials, request, hash, "bedrock", f.region, time.Now())
	if err != nil {
		return nil, err
	}
	return f.client.Do(request)
}

// Streams the answer: prelude, eight zero bytes, body.
func (f *forwarder) answer(id string, response *http.Response) error {
	response.Header.Del("Content-Length")
	head, err := json.Marshal(prelude{response.StatusCode, response.Header})
	if err != nil {
		return err
	}
	head = append(head, 0, 0, 0, 0, 0, 0, 0, 0)
	body := io.MultiReader(bytes.NewReader(head), response.Body)
	request, err := http.NewRequest(http.MethodPost, f.invocations+id+"/response", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/vnd.awslambda.http-integration-response")
	request.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	accepted, err := f.client.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, accepted.Body)
	return accepted.Body.Close()
}
