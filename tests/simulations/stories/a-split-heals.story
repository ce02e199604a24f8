# A split: each side goes on alone, nobody grants what it cannot reach, and it heals by itself.
nodes a b c d ram 8GiB
also on shell processes
a reserves 5GiB at c as x
  => granted
  -> a copy is on a
cut a b | c d
until a sees c dead
  -> after 6 s
  -> a peer.suspect: c: it does not answer
  -> a peer.suspect: d: it does not answer
  -> a peer.dead: c: no word from the node itself for 4 s after the first doubt
  -> b peer.suspect: c: it does not answer
  -> b peer.suspect: d: it does not answer
  -> c peer.suspect: a: it does not answer
  -> c peer.suspect: b: it does not answer
  -> d peer.suspect: a: it does not answer
  -> d peer.suspect: b: it does not answer
until c sees a dead
  -> after 0 s
  -> b peer.dead: c: no word from the node itself for 4 s after the first doubt
  -> c peer.dead: a: no word from the node itself for 4 s after the first doubt
  -> d peer.dead: a: no word from the node itself for 4 s after the first doubt

# What was granted stays granted on the owner's side; a cannot take more of it, d can.
c shows the holds
  => x: 5GiB at c, posted
a asks where 3GiB fits at c
  => nowhere
  -> not c: not alive
a reserves 3GiB at c as lost
  => refused
  -> Nowhere: none of 4 nodes fits now.
d reserves 2GiB at c as y
  => granted
  -> a copy is on d

mend
until everyone sees everyone
  -> after 10 s
until a shows y posted
  -> after 0 s
until c shows x posted
  -> after 0 s
a releases x
  => released
everyone verifies
  => every log verifies
