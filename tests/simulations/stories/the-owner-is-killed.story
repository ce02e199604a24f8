# SIGKILL loses nothing that was answered: what volatile memory vouches for says so at the start.
nodes a b c ram 8GiB
also on shell processes
a reserves 5GiB at c as x
  => granted
  -> a peer has a copy
kill c
a sees c
  -> alive
start c
  -> c standing: open
c stands
  => open
c shows the holds
  => x: 5GiB at c, posted
until everyone sees everyone
  -> at once
  -> a peer.restarted: c: a new run of the same node
  -> b peer.restarted: c: a new run of the same node
b reserves 5GiB at c as y
  => refused
  -> Nowhere: none of 3 nodes fits now.
also on shell processes
a releases x
  => released
until b shows x gone
  -> at once
b reserves 5GiB at c as z
  => granted
  -> a peer has a copy
everyone verifies
  => every log verifies
