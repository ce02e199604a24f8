# A split: each side goes on alone, nobody grants what it cannot reach, and it heals by itself.
nodes a b c d ram 8GiB
also on shell processes
a reserves 5GiB at c as x
  => granted
  -> a peer has a copy
cut a b | c d
until a sees c dead
  -> within 10 s
  -> a peer.suspect: c: it does not answer
  -> a peer.suspect: d: it does not answer
  -> a peer.dead: c: no word from the node itself for 5 s
  -> b peer.suspect: c: it does not answer
  -> b peer.suspect: d: it does not answer
  -> b peer.dead: c: no word from the node itself for 5 s
  -> c peer.suspect: b: it does not answer
  -> c peer.suspect: a: it does not answer
  -> c peer.dead: b: no word from the node itself for 4 s
  -> d peer.suspect: b: it does not answer
  -> d peer.suspect: a: it does not answer
  -> d peer.dead: b: no word from the node itself for 5 s
until c sees a dead
  -> within 5 s
  -> a peer.dead: d: no word from the node itself for 6 s
  -> b peer.dead: d: no word from the node itself for 6 s
  -> c peer.dead: a: no word from the node itself for 7 s
  -> d peer.dead: a: no word from the node itself for 7 s

# What was granted stays granted on the owner's side; a cannot take more of it, d can.
c shows the holds
  => x: 5GiB at c, posted
a asks where 3GiB fits at c
  => nowhere
  -> not c: not alive
a reserves 3GiB at c as lost
  => refused
  -> Nowhere: none of 4 nodes fits now.
also on shell processes
d reserves 2GiB at c as y
  => granted
  -> a peer has a copy

mend
until everyone sees everyone
  -> within 5 s
until a shows y posted
  -> at once
until c shows x posted
  -> at once
a releases x
  => released
everyone verifies
  => every log verifies
