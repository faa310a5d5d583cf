import type { Server } from '../app/server';

export interface Snippets {
  language: string;
  title: string;
  steps: readonly { text: string; code: string }[];
}

/** How a program sends its first trace, in several languages, to the addresses of this server. */
export function snippets({ otlpHttp = '127.0.0.1:4318' }: Server): Snippets[] {
  const endpoint = `http://${otlpHttp}`;
  const environment = `export OTEL_SERVICE_NAME=hello\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}\nexport OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none`;
  return [
    { language: 'any', title: 'curl', steps: [{ text: 'One span, by hand:', code: curl(endpoint) }] },
    {
      language: 'go',
      title: 'Go',
      steps: [
        { text: 'In a module of its own:', code: `go mod init hello\n# main.go is below\ngo mod tidy && go run .` },
        { text: 'main.go:', code: golang(endpoint) },
      ],
    },
    {
      language: 'python',
      title: 'Python',
      steps: [
        { text: 'A program that exists already, without a change to it:', code: `pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install\n${environment}\nopentelemetry-instrument python app.py` },
      ],
    },
    {
      language: 'node',
      title: 'Node.js',
      steps: [
        { text: 'A program that exists already, without a change to it:', code: `npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n${environment}\nexport NODE_OPTIONS="--require @opentelemetry/auto-instrumentations-node/register"\nnode app.js` },
      ],
    },
    {
      language: 'java',
      title: 'Java',
      steps: [
        {
          text: 'A program that exists already, with the agent beside it:',
          code: `curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar\n${environment}\njava -javaagent:opentelemetry-javaagent.jar -jar app.jar`,
        },
      ],
    },
  ];
}

function curl(endpoint: string): string {
  return `curl ${endpoint}/v1/traces -H 'Content-Type: application/json' -d '
{"resourceSpans":[{
  "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"hello"}}]},
  "scopeSpans":[{"spans":[{
    "traceId":"'$(openssl rand -hex 16)'", "spanId":"'$(openssl rand -hex 8)'",
    "name":"my first span", "kind":2,
    "startTimeUnixNano":"'$(date +%s)000000000'", "endTimeUnixNano":"'$(date +%s)250000000'"
  }]}]
}]}'`;
}

function golang(endpoint: string): string {
  return `package main

import (
	"context"
	"log"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL("${endpoint}/v1/traces"))
	if err != nil {
		log.Fatal(err)
	}
	provider := trace.NewTracerProvider(
		trace.WithBatcher(exporter),
		trace.WithResource(resource.NewSchemaless(attribute.String("service.name", "hello"))),
	)
	defer provider.Shutdown(ctx)
	otel.SetTracerProvider(provider)

	_, span := otel.Tracer("hello").Start(ctx, "my first span")
	span.End()
}`;
}
