// Package rerank lays a query and its results out as one picture, the panorama, and lets a vision
// language model put the results in a better order and explain the best one.
package rerank
