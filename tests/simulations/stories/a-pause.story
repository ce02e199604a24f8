# A pause of three seconds kills nobody; a long one is noticed, and forgiven.
nodes a b c ram 8GiB
also on processes
a reserves 2GiB at c as x
  => granted
  -> a peer has a copy
pause c for 3s
advance 4s
  -> a peer.suspect: c: it does not answer
  -> b peer.suspect: c: it does not answer
until a sees c alive
  -> at once
pause c for 12s
until a sees c dead
  -> within 10 s
  -> a peer.suspect: c: it does not answer
  -> a peer.dead: c: no word from the node itself for 5 s
  -> b peer.suspect: c: it does not answer
  -> b peer.dead: c: no word from the node itself for 6 s
b asks where 1GiB fits at c
  => nowhere
  -> not c: not alive
until a sees c alive
  -> within 10 s
c shows the holds
  => x: 2GiB at c, posted
until everyone sees everyone
  -> at once
everyone verifies
  => every log verifies
