// Command empty does nothing: it needs what any Go program needs to start, and to end.
package main

func main() {}
