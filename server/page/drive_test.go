package page

import (
	"path/filepath"
	"testing"

	"vbge/server/page/pagetest"
)

func TestPage(t *testing.T) {
	picture, err := filepath.Abs(demo + "queries/0125.jpg")
	if err != nil {
		t.Fatal(err)
	}
	pagetest.Drive(t, newFake().serve(t), pagetest.Options{
		Example:     "phone case with this image theme",
		Edit:        "a backpack in this style",
		Picture:     picture,
		Explanation: spoken,
		Hostile:     hostile,
		Screenshots: "../../build/page",
	})
}
