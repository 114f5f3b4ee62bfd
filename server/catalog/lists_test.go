package catalog

import "testing"

func TestListsWithoutIDsAreNotEmpty(t *testing.T) {
	address := (&fake{}).serve(t, nil)
	plain, repaired := sdk(t, address, nil), sdk(t, address, dialOptions())
	if got, err := plain.ListCollections(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("the plain SDK lists %d collections (%v): this repair is no longer needed", len(got), err)
	}
	collections, err := repaired.ListCollections(t.Context())
	if err != nil || len(collections) != 2 || collections[0].Name != "a" || collections[1].Name != "b" {
		t.Errorf("collections %v, %v", collections, err)
	}
	partitions, err := repaired.ShowPartitions(t.Context(), "a")
	if err != nil || len(partitions) != 1 || partitions[0].Name != "_default" {
		t.Errorf("partitions %v, %v", partitions, err)
	}
}

func TestPadKeepsWhatTheServerSent(t *testing.T) {
	for _, test := range []struct {
		ids   []int64
		names int
		want  int
	}{{nil, 0, 0}, {nil, 2, 2}, {[]int64{7}, 2, 2}, {[]int64{7, 8}, 2, 2}, {[]int64{7, 8, 9}, 2, 3}} {
		got := pad(test.ids, test.names)
		if len(got) != test.want || len(test.ids) > 0 && got[0] != 7 {
			t.Errorf("pad(%v, %d) is %v", test.ids, test.names, got)
		}
	}
}
