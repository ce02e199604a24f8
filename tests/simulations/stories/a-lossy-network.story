# One datagram in five is lost and everything is late: asking again is the network's business.
nodes a b c ram 8GiB
also on shell processes
loss 20%
a reserves 1GiB at c as x
  => granted
  -> a peer has a copy
b reserves 1GiB at c as y
  => granted
  -> a peer has a copy
a holds 2GiB at b as z
  => held
a confirms z
  => granted
  -> a peer has a copy
mend
until everyone sees everyone
  -> at once
until c shows z posted
  -> at once
a releases x
  => released
until b shows x gone
  -> at once
everyone verifies
  => every log verifies
