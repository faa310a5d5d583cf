package api

import (
	"context"
	_ "embed"
	"fmt"
	"sync"
	"time"

	_ "go.opentelemetry.io/proto/otlp/trace/v1" // the messages that Jaeger's refer to
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // for clients that compress
	_ "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clewhq/clew/span"
	"github.com/clewhq/clew/store"
)

// NewJaegerGRPC serves Jaeger's gRPC APIs for queries, with health and reflection:
//
//	jaeger.api_v2.QueryService
//	jaeger.api_v3.QueryService and Capabilities
//	jaeger.storage.v2.TraceReader, DependencyReader and Capabilities
//
// Unlike there, a search needs no service, and the traces come newest first.
func NewJaegerGRPC(cfg Config, r store.Reader) *grpc.Server {
	g := &jaegerGRPC{newFace(cfg, r, nil)}
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(encodedCodec{encoding.GetCodecV2("proto")}),
		grpc.MaxConcurrentStreams(100),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
	)
	alive := health.NewServer()
	for name, handlers := range map[protoreflect.FullName]map[protoreflect.Name]callHandler{
		"jaeger.api_v2.QueryService":         g.apiV2(),
		"jaeger.api_v3.QueryService":         g.apiV3(),
		"jaeger.storage.v2.TraceReader":      g.storageReader(),
		"jaeger.storage.v2.DependencyReader": g.storageDependencies(),
		"jaeger.storage.v2.Capabilities":     g.capabilities(),
		"jaeger.api_v3.Capabilities":         g.capabilities(),
	} {
		server.RegisterService(g.describe(name, handlers), g)
		alive.SetServingStatus(string(name), healthpb.HealthCheckResponse_SERVING)
	}
	healthpb.RegisterHealthServer(server, alive)
	files := reflection.ServerOptions{Services: server, DescriptorResolver: jaegerFiles(), ExtensionResolver: protoregistry.GlobalTypes}
	reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(files))
	reflectionv1alpha.RegisterServerReflectionServer(server, reflection.NewServer(files))
	return server
}

type jaegerGRPC struct{ *face }

// jaegerCall is a request under way.
type jaegerCall struct {
	ctx    context.Context
	tenant string
	in     request
	// send sends a reply in protobuf, of which it keeps nothing. A unary call has one.
	send func(reply []byte) error
}

// callHandler answers a call. An error ends it, after what was sent.
type callHandler func(*jaegerCall) error

// describe makes a service out of its description and what answers its methods.
// Those that nothing answers are Unimplemented.
func (g *jaegerGRPC) describe(service protoreflect.FullName, handlers map[protoreflect.Name]callHandler) *grpc.ServiceDesc {
	found, err := jaegerFiles().FindDescriptorByName(service)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	described := found.(protoreflect.ServiceDescriptor)
	desc := &grpc.ServiceDesc{ServiceName: string(service), HandlerType: (*any)(nil), Metadata: found.ParentFile().Path()}
	for name, handle := range handlers {
		method := described.Methods().ByName(name)
		if method.IsStreamingServer() {
			desc.Streams = append(desc.Streams, grpc.StreamDesc{
				StreamName: string(name), ServerStreams: true, Handler: g.streaming(method, handle),
			})
		} else {
			desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: string(name), Handler: g.unary(method, handle)})
		}
	}
	return desc
}

func (g *jaegerGRPC) streaming(method protoreflect.MethodDescriptor, handle callHandler) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		in := dynamicpb.NewMessage(method.Input())
		if err := stream.RecvMsg(in); err != nil {
			return err
		}
		send := func(reply []byte) error { return stream.SendMsg(encodedReply(reply)) }
		return g.answer(stream.Context(), method, handle, in, send)
	}
}

func (g *jaegerGRPC) unary(method protoreflect.MethodDescriptor, handle callHandler) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := dynamicpb.NewMessage(method.Input())
		if err := decode(in); err != nil {
			return nil, err
		}
		var out encodedReply
		send := func(reply []byte) error { out = reply; return nil }
		err := g.answer(ctx, method, handle, in, send)
		return out, err
	}
}

func (g *jaegerGRPC) answer(ctx context.Context, method protoreflect.MethodDescriptor, handle callHandler, in proto.Message, send func([]byte) error) error {
	return g.call(ctx, fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()), func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		tenant, err := oneTenant(md.Get(span.TenantHeader))
		if err != nil {
			return err
		}
		return handle(&jaegerCall{ctx, tenant, request{in.ProtoReflect()}, send})
	})
}

// tellGaps says in the trailer what an answer may lack.
func (c *jaegerCall) tellGaps(gaps []string) error { return grpc.SetTrailer(c.ctx, gapTrailer(gaps)) }

// encodedReply is a message that its sender has encoded.
type encodedReply []byte

// encodedCodec copies what is encoded, and leaves all other messages to the codec that it wraps.
type encodedCodec struct{ encoding.CodecV2 }

func (c encodedCodec) Marshal(v any) (mem.BufferSlice, error) {
	if e, ok := v.(encodedReply); ok {
		return mem.BufferSlice{mem.Copy(e, mem.DefaultBufferPool())}, nil
	}
	return c.CodecV2.Marshal(v)
}

// jaegerProtos is a FileDescriptorSet of Jaeger's services, as jaeger-idl has
// them, without the options, which only generators of code need.
//
//go:generate go test -run ^TestJaegerDescriptions$ . -update
//go:embed jaeger_grpc.binpb
var jaegerProtos []byte

// jaegerFiles returns the descriptions of Jaeger's services and of all that is
// linked into this program.
var jaegerFiles = sync.OnceValue(func() *descriptions {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(jaegerProtos, set); err != nil {
		panic("BUG: " + err.Error())
	}
	d := &descriptions{}
	for _, file := range set.File { // each after those that it imports
		f, err := protodesc.NewFile(file, d)
		if err == nil {
			err = d.own.RegisterFile(f)
		}
		if err != nil {
			panic("BUG: " + err.Error())
		}
	}
	return d
})

// descriptions has files of its own besides the registered ones, with which
// those that other packages bring for the same protocols do not collide.
type descriptions struct{ own protoregistry.Files }

// FindFileByPath implements protodesc.Resolver.
func (d *descriptions) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if f, err := d.own.FindFileByPath(path); err == nil {
		return f, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

// FindDescriptorByName implements protodesc.Resolver.
func (d *descriptions) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if f, err := d.own.FindDescriptorByName(name); err == nil {
		return f, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}
