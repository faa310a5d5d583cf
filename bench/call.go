package main

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// call calls a method with an encoded request, and got with each encoded message of the answer.
func call(ctx context.Context, conn *grpc.ClientConn, method string, request []byte, got func(message []byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) { // then RecvMsg says why
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		var message []byte
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		got(message)
	}
}

// Fields of requests.

func textField(num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), s)
}

func numberField(num protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), n)
}

func messageField(num protowire.Number, fields ...[]byte) []byte {
	var body []byte
	for _, f := range fields {
		body = append(body, f...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), body)
}

// timeField is a google.protobuf.Timestamp.
func timeField(num protowire.Number, t time.Time) []byte {
	return messageField(num, numberField(1, uint64(t.Unix())), numberField(2, uint64(t.Nanosecond())))
}
