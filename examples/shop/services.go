package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

// startClew starts Clew, tells all who send where it is, and returns the address of its pages.
func (s *shop) startClew(ps *processes, args []string) (page string, err error) {
	if s.clew == "" {
		return "http://127.0.0.1:16686", nil
	}
	command := append([]string{s.clew, "serve", "--log.format=json", "--data-dir", filepath.Join(s.data, "clew")}, args...)
	p, err := ps.start("clew", nil, command...)
	if err != nil {
		return "", err
	}
	at := map[string]string{}
	for _, name := range []string{"http", "otlp-http", "jaeger-compact", "jaeger-thrift-http"} {
		for at[name] == "" {
			l, err := ps.listens(p)
			if err != nil {
				return "", err
			}
			at[l.Listener] = l.Address
		}
	}
	host, port, err := net.SplitHostPort(at["jaeger-compact"])
	if err != nil {
		return "", err
	}
	os.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+at["otlp-http"])
	os.Setenv("OTEL_EXPORTER_JAEGER_AGENT_HOST", host)
	os.Setenv("OTEL_EXPORTER_JAEGER_AGENT_PORT", port)
	os.Setenv("OTEL_EXPORTER_JAEGER_ENDPOINT", (&url.URL{Scheme: "http", Host: at["jaeger-thrift-http"], Path: "/api/traces"}).String())
	return "http://" + at["http"], nil
}

// startServices starts each service when those that it calls listen, and returns where the front end does.
func (s *shop) startServices(ps *processes, installed packages, queue string) (front string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	node, python := filepath.Join(s.source, "node"), filepath.Join(s.source, "python")
	env := []string{
		"PYTHONPATH=" + joinPaths(installed.python, filepath.Join(python, s.form), s.source),
		"NODE_PATH=" + filepath.Join(installed.node, "node_modules"),
		"OTEL_METRICS_EXPORTER=none",
		"QUEUE=" + queue,
		"PORT=" + strconv.Itoa(s.port), // the front end's; the others take any
	}
	switch s.form {
	case "modern":
		os.Setenv("OTEL_LOGS_EXPORTER", "otlp") // of the customers too
		env = append(env,
			"OTEL_SEMCONV_STABILITY_OPT_IN=http", // Python's libraries still use the names of attributes before today's
			"OTEL_NODE_RESOURCE_DETECTORS=env,host,process,serviceinstance")
	case "legacy": // what its packages warn of is known
		env = append(env, "PYTHONWARNINGS=ignore")
	}
	for _, service := range []struct {
		name, addr string // the variable that tells the services behind it where it listens
		prefix     string
		command    []string
	}{
		{"worker", "WORKER", "", []string{"python3", filepath.Join(python, "worker.py")}},
		{"stock", "STOCK", "", []string{filepath.Join(filepath.Dir(self), "stock")}},
		{"api", "API", "http://", []string{"python3", filepath.Join(python, "api.py")}},
		{"frontend", "", "", []string{"node", "--require", filepath.Join(node, s.form, "telemetry.js"), filepath.Join(node, "frontend.js")}},
	} {
		p, err := ps.start(service.name, env, service.command...)
		if err != nil {
			return "", err
		}
		l, err := ps.listens(p)
		if err != nil {
			return "", err
		}
		front = l.Addr
		env = append(env, fmt.Sprintf("%s=%s%s", service.addr, service.prefix, l.Addr))
	}
	return front, nil
}

func joinPaths(paths ...string) (list string) {
	for i, path := range paths {
		if i > 0 {
			list += string(os.PathListSeparator)
		}
		list += path
	}
	return list
}
