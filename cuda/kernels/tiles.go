package kernels

// QueryTile is how many queries of one sequence a block of an attention kernel takes at a time: four warps of 16, the
// rows of a tensor core's operand.
const QueryTile = 64

// Tiles returns Attention's list of work for queries with these cumulative lengths: how many tiles there are, then for
// each tile its sequence and its first query in that sequence. Sequences without queries have no tiles. The list is
// padded with zeros to 1 + 2 room values; it is longer if there are more than room tiles.
func Tiles(queries []int32, room int) []int32 {
	list := make([]int32, 1, 1+2*room)
	for s := range len(queries) - 1 {
		for first := int32(0); first < queries[s+1]-queries[s]; first += QueryTile {
			list = append(list, int32(s), first)
		}
	}
	list[0] = int32(len(list) / 2)
	for len(list) < 1+2*room {
		list = append(list, 0)
	}
	return list
}

// MaxTiles returns the most tiles that this many queries in at most this many sequences can need: each sequence may end
// in the first query of a tile.
func MaxTiles(queries, sequences int) int {
	return min(queries, (queries+(QueryTile-1)*sequences)/QueryTile)
}
