package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka starts Apache Kafka, of which pom is the lock file, as one process without ZooKeeper, and returns where it
// listens and a client of it, which makes the topics that it writes to.
func Kafka(t testing.TB, pom string) (addr string, client *kgo.Client) {
	t.Helper()
	Needs(t, "java")
	libs := filepath.Join(Installed(t, []string{pom}, "mvn", "--quiet", "--batch-mode",
		"dependency:copy-dependencies", "-DoutputDirectory=libs"), "libs", "*")
	dir := t.TempDir()
	addr, controller := FreeAddress(t), FreeAddress(t)
	properties := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(properties, fmt.Appendf(nil, `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://%s,CONTROLLER://%s
advertised.listeners=PLAINTEXT://%[1]s
controller.listener.names=CONTROLLER
controller.quorum.voters=1@%[2]s
log.dirs=%s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
`, addr, controller, filepath.Join(dir, "data")), 0o600); err != nil {
		t.Fatal(err)
	}
	java := func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "java", append([]string{"-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", libs}, args...)...)
	}
	if out, err := java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", properties).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	Serve(t, java("kafka.Kafka", properties), func() bool { return client.Ping(t.Context()) == nil })
	return addr, client
}
