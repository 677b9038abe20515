// What Airflow's UI lends to plugins: its React, its router and its Chakra, so that the page looks like the rest.
export const React = globalThis.React;
export const { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } = React;
export const h = React.createElement;

export const { Link: RouterLink, useSearchParams } = globalThis.ReactRouterDOM;

export const {
  Alert,
  Badge,
  Box,
  Button,
  Code,
  Heading,
  HStack,
  Input,
  Link,
  NativeSelect,
  Skeleton,
  Table,
  Text,
  Textarea,
  VStack,
} = globalThis.ChakraUI;
