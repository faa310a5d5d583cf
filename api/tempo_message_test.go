package api

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// tempoMessages are the requests and answers of Tempo's query API, as far as they are known to clients: for each message
// its fields with their numbers and types. "[]" is a list, "map " a map by string.
var tempoMessages = map[string][]string{
	"SearchRequest": {"Tags 1 map string", "MinDurationMs 2 uint32", "MaxDurationMs 3 uint32", "Limit 4 uint32", "start 5 uint32", "end 6 uint32",
		"Query 8 string", "SpansPerSpanSet 9 uint32"},
	"SearchTagsRequest":      {"scope 1 string", "query 2 string", "start 3 uint32", "end 4 uint32", "maxTagsPerScope 5 uint32", "staleValuesThreshold 6 uint32"},
	"SearchTagValuesRequest": {"tagName 1 string", "query 2 string", "start 4 uint32", "end 5 uint32", "maxTagValues 6 uint32", "staleValueThreshold 7 uint32"},
	"QueryRangeRequest":      {"query 1 string", "start 2 uint64", "end 3 uint64", "step 4 uint64", "exemplars 16 uint32"},
	"QueryInstantRequest":    {"query 1 string", "start 2 uint64", "end 3 uint64"},

	"SearchResponse": {"traces 1 []TraceSearchMetadata", "metrics 2 SearchMetrics"},
	"TraceSearchMetadata": {"traceID 1 string", "rootServiceName 2 string", "rootTraceName 3 string", "startTimeUnixNano 4 uint64",
		"durationMs 5 uint32", "spanSet 6 SpanSet", "spanSets 7 []SpanSet", "serviceStats 8 map ServiceStats"},
	"ServiceStats": {"spanCount 1 uint32", "errorCount 2 uint32"},
	"SpanSet":      {"spans 1 []Span", "matched 2 uint32", "attributes 3 []KeyValue"},
	"Span": {"spanID 1 string", "name 2 string", "startTimeUnixNano 3 uint64", "durationNanos 4 uint64",
		"attributes 5 []KeyValue"},
	"SearchMetrics": {"inspectedTraces 1 uint32", "inspectedBytes 2 uint64", "totalBlocks 3 uint32", "completedJobs 4 uint32",
		"totalJobs 5 uint32", "totalBlockBytes 6 uint64"},
	"SearchTagsResponse":        {"tagNames 1 []string", "metrics 2 MetadataMetrics"},
	"SearchTagsV2Response":      {"scopes 1 []SearchTagsV2Scope", "metrics 2 MetadataMetrics"},
	"SearchTagsV2Scope":         {"name 1 string", "tags 2 []string"},
	"SearchTagValuesResponse":   {"tagValues 1 []string", "metrics 2 MetadataMetrics"},
	"SearchTagValuesV2Response": {"tagValues 1 []TagValue", "metrics 2 MetadataMetrics"},
	"TagValue":                  {"type 1 string", "value 2 string"},
	"MetadataMetrics":           {"inspectedBytes 1 uint64", "totalJobs 2 uint32", "completedJobs 3 uint32", "totalBlocks 4 uint32", "totalBlockBytes 5 uint64"},
	"QueryRangeResponse":        {"series 1 []TimeSeries", "metrics 2 SearchMetrics", "status 3 PartialStatus", "message 4 string"},
	"TimeSeries":                {"labels 1 []KeyValue", "samples 2 []Sample", "exemplars 4 []Exemplar"},
	"Sample":                    {"value 1 double", "timestamp_ms 2 int64"},
	"Exemplar":                  {"labels 1 []KeyValue", "value 2 double", "timestamp_ms 3 int64"},
	"QueryInstantResponse":      {"series 1 []InstantSeries", "metrics 2 SearchMetrics", "status 3 PartialStatus", "message 4 string"},
	"InstantSeries":             {"labels 1 []KeyValue", "value 2 double"},
}

var scalarTypes = map[string]descriptorpb.FieldDescriptorProto_Type{
	"string": descriptorpb.FieldDescriptorProto_TYPE_STRING, "double": descriptorpb.FieldDescriptorProto_TYPE_DOUBLE,
	"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32, "uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64,
	"int64": descriptorpb.FieldDescriptorProto_TYPE_INT64,
}

var tempoFile = sync.OnceValues(func() (protoreflect.FileDescriptor, error) {
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("tempo_test.proto"), Package: proto.String("tempo"), Syntax: proto.String("proto3"),
		Dependency: []string{"opentelemetry/proto/common/v1/common.proto"},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("PartialStatus"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: proto.String("COMPLETE"), Number: proto.Int32(0)}, {Name: proto.String("PARTIAL"), Number: proto.Int32(1)},
		}}},
	}
	for name, fields := range tempoMessages {
		m := &descriptorpb.DescriptorProto{Name: proto.String(name)}
		for _, text := range fields {
			addField(m, text)
		}
		file.MessageType = append(file.MessageType, m)
	}
	return protodesc.NewFile(file, protoregistry.GlobalFiles)
})

// addField adds a field that is described as "name number type".
func addField(m *descriptorpb.DescriptorProto, text string) {
	parts := strings.SplitN(text, " ", 3)
	number, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil {
		panic(err)
	}
	f := &descriptorpb.FieldDescriptorProto{Name: proto.String(parts[0]), Number: proto.Int32(int32(number))}
	f.Label = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
	typ, list := strings.CutPrefix(parts[2], "[]")
	typ, isMap := strings.CutPrefix(typ, "map ")
	if list || isMap {
		f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	}
	if isMap {
		entry := &descriptorpb.DescriptorProto{
			Name:    proto.String(strings.ToUpper(parts[0][:1]) + parts[0][1:] + "Entry"),
			Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
		}
		addField(entry, "key 1 string")
		addField(entry, "value 2 "+typ)
		m.NestedType = append(m.NestedType, entry)
		typ = m.GetName() + "." + entry.GetName()
	}
	switch scalar, ok := scalarTypes[typ]; {
	case ok:
		f.Type = scalar.Enum()
	case typ == "PartialStatus":
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum(), proto.String(".tempo."+typ)
	case typ == "KeyValue":
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".opentelemetry.proto.common.v1.KeyValue")
	default:
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".tempo."+typ)
	}
	m.Field = append(m.Field, f)
}

// messageKind returns one of tempoMessages.
func messageKind(t *testing.T, name string) protoreflect.MessageDescriptor {
	t.Helper()
	file, err := tempoFile()
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName(protoreflect.Name(name))
}

// sameMessage checks that a strict reader of the message takes both forms, and reads the same.
func sameMessage(t *testing.T, kind protoreflect.MessageDescriptor, inJSON, inProto []byte) {
	t.Helper()
	fromJSON, fromProto := dynamicpb.NewMessage(kind), dynamicpb.NewMessage(kind)
	if err := protojson.Unmarshal(inJSON, fromJSON); err != nil {
		t.Fatalf("%v in %s", err, inJSON)
	}
	if err := proto.Unmarshal(inProto, fromProto); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*dynamicpb.Message{fromJSON, fromProto} { // nothing or empty: all the same
		m.Clear(kind.Fields().ByName("metrics"))
	}
	if !proto.Equal(fromJSON, fromProto) { // which looks at unknown fields too
		t.Errorf("the forms differ: JSON\n%s\nprotobuf\n%s", protojson.Format(fromJSON), protojson.Format(fromProto))
	}
}

// answers returns the JSON form of an answer, after it has checked both forms.
func answers(t *testing.T, h http.Handler, message, url string, headers ...string) []byte {
	t.Helper()
	inJSON := get(t, h, url, headers...)
	inProto := get(t, h, url, append(headers, "Accept", "application/protobuf")...)
	if inJSON.Code != 200 || inProto.Code != 200 {
		t.Fatalf("%s: status %d: %s; as protobuf %d: %s", url, inJSON.Code, inJSON.Body, inProto.Code, inProto.Body)
	}
	if a, b := inJSON.Header().Get("Content-Type"), inProto.Header().Get("Content-Type"); a != "application/json" || b != "application/protobuf" {
		t.Errorf("%s: Content-Type %s, as protobuf %s", url, a, b)
	}
	sameMessage(t, messageKind(t, message), inJSON.Body.Bytes(), inProto.Body.Bytes())
	return inJSON.Body.Bytes()
}
