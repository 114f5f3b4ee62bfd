package main

import (
	_ "github.com/milvus-io/milvus-proto/go-api/v2/milvuspb"
	_ "github.com/milvus-io/milvus-sdk-go/v2/client"
	_ "github.com/milvus-io/milvus-sdk-go/v2/entity"
	_ "github.com/sashabaranov/go-openai"
	_ "github.com/schollz/progressbar/v3"
	_ "github.com/spf13/cobra"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/draw"
	_ "golang.org/x/image/font/gofont/gobold"
	_ "golang.org/x/image/font/opentype"
	_ "golang.org/x/image/webp"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/sys/cpu"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/term"
	_ "google.golang.org/grpc"
)

func main() {}
