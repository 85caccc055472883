// The cluster suite's pause container.
module weft.dev/test/cluster/pause

go 1.26.0
