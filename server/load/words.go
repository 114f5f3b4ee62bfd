package load

import "strings"

// vocabulary are words of one token each, in BERT's vocabulary and in the demo's.
var vocabulary = strings.Fields(`animal another autumn bag beige black blue book boot bottle brand bright brown
	buy camouflage cap car case cat chair change cheap chocolate coffee cotton cover cup dark day design desk
	dog dress emerald exercise fabric find floral flower four garden get girl give gold green grey hat heart
	home house image ivory journal kitchen lamp large leather lemon light little match metal mobile mug navy`)

// wordsOfText with [CLS] and [SEP] are the 16 tokens of bench.TextTokens: a short description.
const wordsOfText = 14

// appendWords appends the words with a number, 16 tokens with [CLS] and [SEP].
func appendWords(dst []byte, number uint64) []byte {
	random := drawer(number, chooseWords)
	for i := range wordsOfText {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, vocabulary[random.IntN(len(vocabulary))]...)
	}
	return dst
}
