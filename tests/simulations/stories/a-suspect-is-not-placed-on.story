# A node that does not answer gets nothing new at once; what it has granted stays.
nodes a b c ram 8GiB
also on shell processes
a reserves 2GiB at c as x
  => granted
  -> a peer has a copy
kill c
until a sees c suspect
  -> within 5 s
  -> a peer.suspect: c: it does not answer
  -> b peer.suspect: c: it does not answer
a asks where 1GiB fits at c
  => nowhere
  -> not c: suspect
a asks where 9GiB fits
  => nowhere
  -> not a: not enough room
  -> not b: not enough room
  -> not c: suspect, not enough room
a shows the holds
  => x: 2GiB at c, posted
until a sees c dead
  -> within 5 s
  -> a peer.dead: c: no word from the node itself for 5 s
  -> b peer.dead: c: no word from the node itself for 5 s
a shows the holds
  => x: 2GiB at c, posted
a asks where 1GiB fits at c
  => nowhere
  -> not c: not alive
start c
  -> c standing: open
until everyone sees everyone
  -> at once
  -> a peer.restarted: c: a new run of the same node
  -> b peer.restarted: c: a new run of the same node
a asks where 1GiB fits at c
  => at c
c shows the holds
  => x: 2GiB at c, posted
everyone verifies
  => every log verifies
